"""Both halves of scoring a cell, as the workflow's two jobs do it."""

from pathlib import Path

from semalign.evaluation.sandbox.stage import judge_answers
from semalign.evaluation.stage import generate_answers


def evaluate_cell(
    student: Path,
    teacher: Path,
    transfer: Path,
    benchmark: Path,
    reference: Path | None,
    settings: Path,
    seed: int,
    out: Path,
) -> None:
    """Answers in `out`/answers, then verdicts and scores in `out`."""
    models = {"student": student, "teacher": teacher}
    generate_answers(models, transfer, benchmark, reference, settings, seed, out / "answers")
    judge_answers(out / "answers", transfer, benchmark, settings, seed, out)
