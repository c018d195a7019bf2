"""The stage that checks a benchmark's texts as the models read them, before any long work. It loads no weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from semalign.benchmarks.base import Example, read_split
from semalign.benchmarks.derived import CHANGED
from semalign.benchmarks.fitting import Reader
from semalign.benchmarks.mixture import scored_files
from semalign.config.base import SPLITS, Split
from semalign.config.checks import CheckSettings
from semalign.evaluation.readiness.examination import Examination, Group
from semalign.evaluation.readiness.speaker import ends_in
from semalign.runtime.errors import Problems, UserError
from semalign.runtime.files import read_json, replace_folder, write_json
from semalign.runtime.provenance import RECORD, Run, portable

TEXTS = "texts.json"


def check_texts(
    benchmark: Path,
    settings: Path,
    out: Path,
    teacher: Path | None = None,
    student: Path | None = None,
    model: Path | None = None,
) -> None:
    """Check that models can read a benchmark and that its references can be scored.

    Compares the cuts of teacher and student, holds lengths against contexts, and passes every reference through the
    scorer. Writes texts.json, which shows the first example of every split as each model reads it.

    Args:
        benchmark: Folder of the splits.
        settings: What to check, as JSON.
        out: Folder of the result.
        teacher: Model folder, together with a student.
        student: Model folder, together with a teacher.
        model: Model folder of a model that is scored as it is.
    """
    if (model is None) == (teacher is None) or (teacher is None) != (student is None):
        raise UserError("check_texts: expected either --model, or --teacher and --student together")
    run = Run("checks", settings)
    checks = CheckSettings(**run.settings)
    run.read("benchmark", benchmark)
    given = {"teacher": teacher, "student": student, "model": model}
    folders = {role: folder for role, folder in given.items() if folder}
    for role, folder in folders.items():
        _note(run, role, folder)
    readers = {role: Reader.of(folder) for role, folder in folders.items()}
    problems = Problems()
    report = {}
    for name, splits in _parts(benchmark).items():
        groups = _grouped(readers, folders, [item for _, items in splits.values() for item in items])
        examination = Examination(name, splits, readers, groups, checks, problems)
        examination.run()
        report[name] = examination.report
    for size in checks.sizes:
        examples = sum(splits[size.split]["examples"] for splits in report.values())
        problems.add(*size.problems(examples, benchmark.name))
    if (benchmark / CHANGED).is_file():  # its items have the name of the benchmark that it is made from
        problems.lines = [f"{line} (in benchmarks.{benchmark.name})" for line in problems.lines]
    problems.check()
    contexts = {role: reader.context for role, reader in readers.items()}
    with replace_folder(out) as made:
        write_json(made / TEXTS, {"contexts": contexts, "benchmarks": report})
        run.seal(made)


def _note(run: Run, role: str, folder: Path) -> None:
    """Note a model as an input without reading its weights, which the stages that load them check."""
    path = folder / RECORD
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected the record of a prepared model")
    run.inputs[role] = {"path": portable(folder), "digest": str(read_json(path)["digest"])}
    run.paths[role] = folder


def _parts(benchmark: Path) -> dict[str, dict[Split, tuple[Path, list[Example]]]]:
    """The splits of a benchmark, or of each part of a mixture, by name."""
    parts: dict[str, dict[Split, tuple[Path, list[Example]]]] = {}
    for split in SPLITS:
        for name, path in scored_files(benchmark, split).items():
            parts.setdefault(name, {})[split] = path, read_split(path.parent, split)
    return parts


def _grouped(
    readers: Mapping[str, Reader], folders: Mapping[str, Path], examples: Sequence[Example]
) -> list[Group]:
    """The models that read and end these texts alike, together."""
    alike: dict[object, list[str]] = {}
    ends = {role: ends_in(folder, readers[role].tokenizer) for role, folder in folders.items()}
    for role, reader in readers.items():
        alike.setdefault((reader.reads(examples), frozenset(ends[role])), []).append(role)
    return [
        Group(
            tuple(roles),
            min((readers[role] for role in roles), key=lambda reader: reader.context),
            ends[roles[0]],
        )
        for roles in alike.values()
    ]
