"""Verdicts on generated code: every program of a cell in one batch, in the sandbox."""

from collections.abc import Sequence
from dataclasses import replace

from semalign.benchmarks.base import Example
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation.items import ItemRecord
from semalign.evaluation.sandbox import Program, Status, run_many
from semalign.runtime.errors import UserError

NO_CODE = "none needed"  # in place of an isolation if no answer holds code


def with_verdicts(
    records: Sequence[ItemRecord], examples: Sequence[Example], settings: EvaluationSettings
) -> tuple[list[ItemRecord], str]:
    """The records with the sandbox's verdict on every code item, and the isolation that was in force."""
    by_id = {example.id: example for example in examples}
    waiting = [index for index, record in enumerate(records) if record.correct is None]
    if not waiting:
        return list(records), NO_CODE
    scored, isolation = score_code(
        [records[index] for index in waiting], [by_id[records[index].id] for index in waiting], settings
    )
    judged = dict(zip(waiting, scored, strict=True))
    return [judged.get(index, record) for index, record in enumerate(records)], isolation


def score_code(
    records: Sequence[ItemRecord], examples: Sequence[Example], settings: EvaluationSettings
) -> tuple[list[ItemRecord], str]:
    """Run the example's prefix followed by each response against the example's tests.

    Returns the records with `correct` (the share of an item's responses that pass: its unbiased pass@1) and
    the verdicts filled in, and the isolation that was in force. Equal responses to an item are run once.
    Raises UserError if an example has no tests or the sandbox can't isolate.
    """
    programs: dict[tuple[str, str], Program] = {
        (record.id, response): (example.prefix + response, _tests(example), example.entry_point)
        for record, example in zip(records, examples, strict=True)
        for response in record.responses
    }
    verdicts = run_many([*programs.values()], settings.sandbox, settings.sandbox_workers)
    statuses = {key: verdict.status for key, verdict in zip(programs, verdicts, strict=True)}
    scored = [
        _judged(record, [statuses[record.id, response] for response in record.responses])
        for record in records
    ]
    return scored, ", ".join(sorted({verdict.isolation for verdict in verdicts}))


def _judged(record: ItemRecord, verdicts: Sequence[Status]) -> ItemRecord:
    first, *more = verdicts
    passed = sum(verdict == "passed" for verdict in verdicts)
    return replace(record, correct=passed / len(verdicts), verdict=first, more_verdicts=list(more) or None)


def _tests(example: Example) -> list[str]:
    if not example.tests:
        raise UserError(f"example {example.id}: found no tests, expected assert statements for a code item")
    return example.tests
