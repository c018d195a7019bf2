"""Verdicts on generated code: every program of a cell in one batch, in the sandbox."""

from collections.abc import Sequence
from dataclasses import replace

from semalign.benchmarks.base import Example
from semalign.config.evaluation import EvaluationSettings
from semalign.errors import UserError
from semalign.evaluation.items import ItemRecord
from semalign.evaluation.sandbox import Program, run_many


def score_code(
    records: Sequence[ItemRecord], examples: Sequence[Example], settings: EvaluationSettings
) -> tuple[list[ItemRecord], str]:
    """Run each response behind its example's prefix against the example's tests.

    Returns the records with `correct` and `verdict` filled in, and the isolation that was in force. Raises
    UserError when an example has no tests or the sandbox can't isolate.
    """
    programs: list[Program] = [
        (example.prefix + record.response, _tests(example), example.entry_point)
        for record, example in zip(records, examples, strict=True)
    ]
    verdicts = run_many(programs, settings.sandbox, settings.sandbox_workers)
    scored = [
        replace(record, correct=float(verdict.status == "passed"), verdict=verdict.status)
        for record, verdict in zip(records, verdicts, strict=True)
    ]
    return scored, ", ".join(sorted({verdict.isolation for verdict in verdicts}))


def _tests(example: Example) -> list[str]:
    if not example.tests:
        raise UserError(f"example {example.id}: no tests, expected assert statements for a code item")
    return example.tests
