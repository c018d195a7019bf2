"""The stage that writes a benchmark's splits as a folder, which every later stage reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from semalign.benchmarks.answered import counts_of, read_answers, relabel
from semalign.benchmarks.base import first_rows, read_split, write_prepared
from semalign.benchmarks.corruption import corrupt
from semalign.benchmarks.derived import write_derived
from semalign.benchmarks.fitting import Reader, Room
from semalign.benchmarks.mixture import write_mixture
from semalign.benchmarks.registry import module_of, own_files, prepare, template_files
from semalign.config.base import SPLITS
from semalign.config.benchmarks import Benchmark, Corrupted, Unlabeled
from semalign.config.checks import Fitting
from semalign.runtime.command import grouped
from semalign.runtime.errors import UserError
from semalign.runtime.files import replace_folder
from semalign.runtime.provenance import Run, digest, inside, portable, read_settings


@grouped
@dataclass(frozen=True)
class Readers:
    """Models that must be able to read every example.

    Attributes:
        models: Folders of models; examples that the context of one of them does not hold are left out.
        fitting: How much room those examples need, as JSON. Default: nothing is left out.
    """

    models: Sequence[Path] = ()
    fitting: Path | None = None

    def room(self, run: Run) -> Room | None:
        """The room that examples must fit into, if any are to be left out."""
        if self.fitting is None:
            return None
        asked = Fitting(**read_settings(self.fitting))
        run.inputs["fitting"] = {"path": portable(self.fitting), "digest": digest(self.fitting)}
        for model in self.models:
            run.read(f"model {model.name}", model)
        return Room([Reader.of(model) for model in self.models], asked.new_tokens)


ANY = Readers()


def prepare_benchmark(
    benchmark: str,
    settings: Path,
    out: Path,
    parts: Sequence[Path] = (),
    answers: Path | None = None,
    mirror: str | None = None,
    readers: Readers = ANY,
) -> None:
    """Make the five splits of one benchmark.

    Args:
        benchmark: Name of the benchmark in the config.
        settings: The benchmark's section of the config, as JSON.
        out: Folder of the splits.
        parts: Folders of the benchmarks in a mixture, or of the one that a derived benchmark is made from.
        answers: Folder of a model's answers, for a benchmark that has them for labels.
        mirror: Folder with the published benchmarks' files. Default: SEMALIGN_MIRROR if it is set, or else the hub.
        readers: Models that must be able to read every example.
    """
    run = Run("benchmark", settings)
    for part in parts:
        run.read(part.name, part)
    section = TypeAdapter(Benchmark).validate_python(run.settings)
    with replace_folder(out) as folder:
        if parts:
            facts = _write_made(run, benchmark, section, parts, answers, folder)
            first = first_rows({split: read_split(folder, split) for split in SPLITS})
            run.seal(folder, {**facts, "first": first})
            return
        run.modules += filter(None, [module_of(benchmark, section)])
        for file in filter(inside, [*own_files(section), *template_files(section)]):
            run.read(Path(file).name, file)
        prepared = prepare(benchmark, section, mirror, readers.room(run))
        write_prepared(folder, prepared)
        origin = {"origin": prepared.origin} if prepared.origin else {}
        run.seal(folder, {**origin, "first": first_rows(prepared.splits)})


def _write_made(
    run: Run, benchmark: str, section: Any, parts: Sequence[Path], answers: Path | None, folder: Path
) -> dict[str, Any]:
    """Write a benchmark that is made from others; return what its record says of changed answers."""
    if isinstance(section, Corrupted):
        made = write_derived(parts[0], folder, partial(corrupt, benchmark, section))
        return {"corrupted": {"examples": made.examples, "wrong": made.changed}}
    if isinstance(section, Unlabeled):
        if answers is None:
            raise UserError(f"--answers: found none, expected the answers of {section.answered_by}")
        run.read("answers", answers)
        own = read_answers(answers)
        write_derived(parts[0], folder, partial(relabel, benchmark, own))
        return {"unlabeled": counts_of(own, read_split(parts[0], "train"))}
    write_mixture(parts, folder)
    return {}
