"""The stage that checks a benchmark's texts as the models read them, before any long work. It loads no weights."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from semalign.benchmarks.base import Example, read_split
from semalign.benchmarks.encoding import Encoded
from semalign.benchmarks.fitting import Reader
from semalign.benchmarks.mixture import scored_files
from semalign.config.base import SPLITS, Split
from semalign.config.checks import CheckSettings
from semalign.evaluation.readiness import lines
from semalign.evaluation.readiness.cuts import Comparer, encode_all
from semalign.evaluation.readiness.lengths import requests_too_long, room_of, texts_too_long
from semalign.evaluation.readiness.reach import judge, speak, unreachable
from semalign.evaluation.readiness.speaker import ends_in
from semalign.runtime.errors import Problems, UserError
from semalign.runtime.files import read_json, replace_folder, write_json
from semalign.runtime.provenance import RECORD, Run, portable

logger = logging.getLogger("semalign")
TEXTS = "texts.json"


@dataclass(frozen=True)
class Part:
    """One split of a benchmark, or of a part of a mixture."""

    name: str
    split: Split
    path: Path
    examples: list[Example]


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
    folders = {"teacher": teacher, "student": student, "model": model}
    for role, folder in folders.items():
        if folder:
            _note(run, role, folder)
    readers = {role: Reader.of(folder) for role, folder in folders.items() if folder}
    problems = Problems()
    report = {
        "contexts": {role: reader.context for role, reader in readers.items()},
        "splits": _check_splits(benchmark, readers, checks, problems),
        "scored": _check_scores(benchmark, readers, folders, checks, problems),
    }
    for size in checks.sizes:
        problems.add(*lines.too_few(size, report["splits"][size.split]["examples"], benchmark.name))
    problems.check()
    with replace_folder(out) as made:
        write_json(made / TEXTS, report)
        run.seal(made)


def _note(run: Run, role: str, folder: Path) -> None:
    """Note a model as an input without reading its weights, which later stages check."""
    path = folder / RECORD
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected the record of a prepared model")
    run.inputs[role] = {"path": portable(folder), "digest": str(read_json(path)["digest"])}
    run.paths[role] = folder


def _check_splits(
    benchmark: Path, readers: Mapping[str, Reader], checks: CheckSettings, problems: Problems
) -> dict[str, Any]:
    """Compare cuts and hold lengths against contexts, in all splits."""
    comparer = Comparer(*readers.values()) if len(readers) > 1 else None
    report: dict[str, Any] = {}
    for split in SPLITS:
        parts = _parts(benchmark, split)
        entries = [_check_part(part, readers, comparer, checks, problems) for part in parts]
        first = entries[0]
        report[split] = {
            **first,
            "examples": sum(entry["examples"] for entry in entries),
            "longest": {role: max(entry["longest"][role] for entry in entries) for role in readers},
        }
        for key in ("answers_cut_differently", "prompts_cut_differently"):
            report[split][key] = sum(entry[key] for entry in entries)
    return report


def _check_part(
    part: Part,
    readers: Mapping[str, Reader],
    comparer: Comparer | None,
    checks: CheckSettings,
    problems: Problems,
) -> dict[str, Any]:
    encoded: dict[str, list[Encoded]] = encode_all(part.examples, readers)
    answers = prompts = 0
    if comparer:
        cuts = comparer.compare(part.examples, *encoded.values())
        answers, prompts = len(cuts.answers), cuts.prompts
        used = checks.uses.get(part.split, [])
        if answers and used:
            problems.add(lines.cut_differently(part, cuts, used))
        elif answers or prompts:
            logger.warning("warning: %s", lines.harmless(part, cuts))
    for role, reader in readers.items():
        if found := texts_too_long(part.examples, encoded[role], reader):
            problems.add(lines.text_too_long(part, found, _named(role, reader), reader.context, checks))
    first = part.examples[0]
    return {
        "examples": len(part.examples),
        "first": {
            "id": first.id,
            "text": first.prompt + first.answer,
            **{
                role: {"ids": items[0].input_ids, "answer_start": items[0].answer_start}
                for role, items in encoded.items()
            },
        },
        "longest": {role: max(len(item.input_ids) for item in items) for role, items in encoded.items()},
        "answers_cut_differently": answers,
        "prompts_cut_differently": prompts,
    }


def _check_scores(
    benchmark: Path,
    readers: Mapping[str, Reader],
    folders: Mapping[str, Path | None],
    checks: CheckSettings,
    problems: Problems,
) -> dict[str, Any]:
    """Let every reference answer, within the limits of each model, and judge it."""
    ends = {role: ends_in(folder, readers[role].tokenizer) for role, folder in folders.items() if folder}
    report: dict[str, Any] = {}
    for part in (part for split in checks.scored for part in _parts(benchmark, split)):
        for roles in _alike(readers, ends):
            reader = min((readers[role] for role in roles), key=lambda reader: reader.context)
            entry = _check_answers(part, reader, ends[roles[0]], " and ".join(roles), checks, problems)
            report.setdefault(part.split, {}).setdefault(part.name, {})["+".join(roles)] = entry
    return report


def _check_answers(
    part: Part, reader: Reader, ends: set[int], roles: str, checks: CheckSettings, problems: Problems
) -> dict[str, Any]:
    speaker, records = speak(reader, ends, part.name, part.path, checks.evaluation)
    if found := requests_too_long(speaker.needs, reader):
        room = room_of(speaker.needs, speaker.said, reader)
        problems.add(lines.request_too_long(part, found, _named(roles, reader), reader.context, room, checks))
    by_id = {example.id: example for example in part.examples}
    records = judge(records, by_id, checks.evaluation)
    missed = unreachable(records, speaker.said, by_id, checks.evaluation)
    if missed:
        line = lines.unreachable(part, missed, speaker.said, checks)
        if checks.unreachable.get(part.name, "refuse") == "refuse":
            problems.add(line)
        else:
            logger.warning("warning: %s", line)
    return {
        "longest_request": max(need.positions for need in speaker.needs.values()),
        "unreachable": asdict(missed) if missed else None,
    }


def _parts(benchmark: Path, split: Split) -> list[Part]:
    """The parts of a mixture in one split, or the split itself."""
    files = scored_files(benchmark, split)
    return [Part(name, split, path, read_split(path.parent, split)) for name, path in files.items()]


def _alike(readers: Mapping[str, Reader], ends: Mapping[str, set[int]]) -> Sequence[tuple[str, ...]]:
    """The roles, together if both models read and end texts alike."""
    roles = tuple(readers)
    together = len({(reader.identity, *sorted(ends[role])) for role, reader in readers.items()}) == 1
    return [roles] if together else [(role,) for role in roles]


def _named(role: str, reader: Reader) -> str:
    return f"the {role} {reader.name}"
