"""Whether the references would be scored as right if a model wrote them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from semalign.benchmarks.base import Example
from semalign.benchmarks.fitting import Reader
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation.harness import load_task, quiet, run_task
from semalign.evaluation.items import ItemRecord
from semalign.evaluation.readiness.speaker import Said, Speaker
from semalign.evaluation.sandbox import run_program
from semalign.evaluation.sandbox.code import score_code


@dataclass(frozen=True)
class Unreachable:
    """The references of a split that would not score, and the first of them with the reason."""

    first: str
    reason: str
    count: int
    items: int


def speak(
    reader: Reader, ends: set[int], task: str, path: Path, settings: EvaluationSettings
) -> tuple[Speaker, list[ItemRecord]]:
    """Let the reference answer every item of a split, within a reader's limits; code items get no verdict yet.

    Under the paper's protocol the reference is the answer that methods train on, otherwise the one of the task's shots.
    """
    with quiet():
        of_task = load_task(task, path, settings, reader.tokenizer)

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


def unreachable(
    records: Sequence[ItemRecord],
    said: Mapping[str, Said],
    examples: Mapping[str, Example],
    settings: EvaluationSettings,
) -> Unreachable | None:
    """The references that would not score, or None if all of them would."""
    missed = [record for record in records if record.correct != 1]
    if not missed:
        return None
    first = missed[0]
    reason = _reason(first, said.get(first.id), examples[first.id], settings)
    return Unreachable(first.id, reason, len(missed), len(records))


def _reason(record: ItemRecord, said: Said | None, item: Example, settings: EvaluationSettings) -> str:
    if said is None:
        return f"another choice is the same text as the right one, {record.expected!r}"
    if said.stop is not None:
        return f"it is cut off at {said.stop!r}, which ends an answer"
    if said.tokens > said.limit:
        return f"its {said.tokens} tokens are more than the {said.limit} to generate"
    if record.verdict is not None:
        program = item.prefix + record.response
        verdict = run_program(program, item.tests or [], settings.sandbox, item.entry_point)
        return f"it does not pass its own tests ({verdict.status}: {verdict.detail})"
    return f"found {_short(record.response)}, expected {_short(record.expected)}"


def _short(text: str) -> str:
    shown = text.strip()
    return repr(shown if len(shown) <= 60 else f"{shown[:30]} ... {shown[-25:]}")
