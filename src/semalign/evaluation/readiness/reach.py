"""Whether the references would be scored as right if a model wrote them."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from semalign.benchmarks.base import Example
from semalign.benchmarks.fitting import Reader
from semalign.benchmarks.numbers import is_number, last_number
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation.harness import load_task, quiet, run_task
from semalign.evaluation.items import ItemRecord
from semalign.evaluation.readiness.speaker import Said, Speaker
from semalign.evaluation.sandbox import run_program
from semalign.evaluation.sandbox.code import score_code


@dataclass(frozen=True)
class Missed:
    """A reference that would not be scored as right; `tokens` is the limit that it needs, if the limit is why."""

    split: str
    example: str
    reason: str
    tokens: int | None = None


def speak(
    reader: Reader, ends: set[int], task: str, path: Path, settings: EvaluationSettings
) -> tuple[Speaker, list[ItemRecord]]:
    """Let the reference answer every item of a split, within a reader's limits; code items get no verdict yet.

    Under the paper's protocol the reference is the answer that methods train on, otherwise the one of the task's shots.
    """
    with quiet():
        of_task = load_task(task, path, settings, reader)

    def reference(item: dict[str, Any]) -> str:
        if settings.protocol == "paper":
            return str(item["answer"])
        return str(of_task.config.target_delimiter) + str(of_task.doc_to_target(item))

    speaker = Speaker(reader, ends, reference)
    return speaker, run_task(speaker, task, path, settings)


def judge(
    records: Sequence[ItemRecord], examples: Mapping[str, Example], settings: EvaluationSettings
) -> list[ItemRecord]:
    """The records with verdicts on code; each reference is run once."""
    waiting = [replace(record, more_responses=None) for record in records if record.correct is None]
    if not waiting:
        return list(records)
    scored, _ = score_code(waiting, [examples[record.id] for record in waiting], settings)
    verdicts = {record.id: record for record in scored}
    return [verdicts.get(record.id, record) for record in records]


def missed(
    split: str,
    records: Sequence[ItemRecord],
    said: Mapping[str, Said],
    examples: Mapping[str, Example],
    settings: EvaluationSettings,
) -> list[Missed]:
    """The references that would not score; only the first has its reason, since code is run again for it."""
    wrong = [record for record in records if record.correct != 1]
    found = [Missed(split, record.id, "") for record in wrong]
    if found:
        first = wrong[0]
        found[0] = _explained(split, first, said.get(first.id), examples[first.id], settings)
    return found


def _explained(
    split: str, record: ItemRecord, said: Said | None, item: Example, settings: EvaluationSettings
) -> Missed:
    if said is None:
        reason = f"another choice is the same text as the right one, {record.expected!r}"
    elif said.stop is not None:
        reason = f"it is cut off at {said.stop!r}, which ends an answer"
    elif said.tokens > said.limit:
        reason = f"it has {said.tokens} tokens, more than the {said.limit} to generate"
        return Missed(split, record.id, reason, said.tokens)
    elif record.verdict is not None:
        program = item.prefix + record.response
        verdict = run_program(program, item.tests or [], settings.sandbox, item.entry_point)
        detail = f": {verdict.detail}".rstrip(" :")
        reason = f"it does not pass its own tests ({verdict.status}{detail})"
    elif is_number(record.expected) and last_number(record.response) != (
        number := last_number(record.expected)
    ):
        reason = f"its last number counts: found {last_number(record.response)}, expected {number}"
    else:
        reason = f"found {_short(record.response)}, expected {_short(record.expected)}{_hint(record)}"
    return Missed(split, record.id, reason)


def _hint(record: ItemRecord) -> str:
    """What two texts that do not match differ in, if it is hard to see."""
    one, other = (
        "".join(unicodedata.normalize("NFKC", text).split()) for text in (record.response, record.expected)
    )
    if one.startswith(other):
        return " (they differ only in white space, or in characters that look alike)"
    if one.casefold().startswith(other.casefold()):
        return " (they differ only in case)"
    numbers = last_number(record.response), last_number(record.expected)
    if None not in numbers and numbers[0] == numbers[1]:
        return " (a target that is not only a number is compared as text)"
    return ""


def _short(text: str) -> str:
    shown = text.strip()
    return repr(shown if len(shown) <= 60 else f"{shown[:30]} ... {shown[-25:]}")
