"""Both halves of scoring a cell, as the workflow's two jobs do it."""

from pathlib import Path

from semalign.evaluation.sandbox.stage import judge_answers
from semalign.evaluation.stage import Scored, generate_answers


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
    scored = Scored(student=student, teacher=teacher, transfer=transfer)
    generate_answers(scored, benchmark, settings, seed, out / "answers", reference)
    judge_answers(out / "answers", benchmark, settings, seed, out, transfer)
