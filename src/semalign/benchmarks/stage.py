"""The stage of a benchmark: its splits as a folder that every later stage reads."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from semalign.benchmarks.base import write_prepared
from semalign.benchmarks.mixture import write_mixture
from semalign.benchmarks.registry import module_of, own_files, prepare
from semalign.config.benchmarks import Benchmark
from semalign.runtime.files import replace_folder
from semalign.runtime.provenance import Run, portable


def prepare_benchmark(
    name: str, settings: Path, parts: Sequence[Path], out: Path, mirror: str | None = None
) -> None:
    """Write the five splits of one benchmark; a mixture is made of the benchmarks in `parts`.

    A published one is read from the folder `mirror`, or from the one that SEMALIGN_MIRROR names, or from the hub.
    """
    run = Run("benchmark", settings)
    for part in parts:
        run.read(part.name, part)
    given = TypeAdapter(Benchmark).validate_python(run.settings)
    with replace_folder(out) as folder:
        if parts:
            write_mixture(parts, folder)
            run.seal(folder)
            return
        run.modules += filter(None, [module_of(name, given)])
        for file in own_files(given):
            if Path(portable(file)).resolve() == Path(file).resolve():  # a record names nothing outside
                run.read(Path(file).name, file)
        prepared = prepare(name, given, mirror)
        write_prepared(folder, prepared)
        run.seal(folder, {"origin": prepared.origin} if prepared.origin else None)
