"""The stage that writes a benchmark's splits as a folder, which every later stage reads."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from semalign.benchmarks.base import first_rows, read_split, write_prepared
from semalign.benchmarks.fitting import Reader, Room
from semalign.benchmarks.mixture import write_mixture
from semalign.benchmarks.registry import module_of, own_files, prepare
from semalign.config.base import SPLITS
from semalign.config.benchmarks import Benchmark
from semalign.config.checks import Fitting
from semalign.runtime.files import replace_folder
from semalign.runtime.provenance import Run, digest, inside, portable, read_settings


def prepare_benchmark(
    benchmark: str,
    settings: Path,
    out: Path,
    parts: Sequence[Path] = (),
    mirror: str | None = None,
    models: Sequence[Path] = (),
    fitting: Path | None = None,
) -> None:
    """Make the five splits of one benchmark.

    Args:
        benchmark: Name of the benchmark in the config.
        settings: The benchmark's section of the config, as JSON.
        out: Folder of the splits.
        parts: Folders of the benchmarks in a mixture.
        mirror: Folder with the published benchmarks' files. Default: SEMALIGN_MIRROR if it is set, or else the hub.
        models: Folders of models; examples that the context of one of them does not hold are left out.
        fitting: How much room those examples need, as JSON. Default: nothing is left out.
    """
    run = Run("benchmark", settings)
    for part in parts:
        run.read(part.name, part)
    section = TypeAdapter(Benchmark).validate_python(run.settings)
    with replace_folder(out) as folder:
        if parts:
            write_mixture(parts, folder)
            run.seal(folder, {"first": first_rows({split: read_split(folder, split) for split in SPLITS})})
            return
        run.modules += filter(None, [module_of(benchmark, section)])
        for file in filter(inside, own_files(section)):
            run.read(Path(file).name, file)
        room = _room(run, models, fitting)
        prepared = prepare(benchmark, section, mirror, room)
        write_prepared(folder, prepared)
        origin = {"origin": prepared.origin} if prepared.origin else {}
        run.seal(folder, {**origin, "first": first_rows(prepared.splits)})


def _room(run: Run, models: Sequence[Path], fitting: Path | None) -> Room | None:
    """The room that examples must fit into, if any are to be left out."""
    if fitting is None:
        return None
    asked = Fitting(**read_settings(fitting))
    run.inputs["fitting"] = {"path": portable(fitting), "digest": digest(fitting)}
    for model in models:
        run.read(f"model {model.name}", model)
    return Room([Reader.of(model) for model in models], asked.new_tokens)
