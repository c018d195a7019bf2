"""Both steps of scoring a cell, as the workflow's two jobs do."""

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
    """Write answers to `out`/answers, then verdicts and scores to `out`."""
    scored = Scored(student=student, teacher=teacher, transfer=transfer)
    generate_answers(scored, benchmark, settings, seed, out / "answers", reference)
    judge_answers(out / "answers", benchmark, settings, seed, out, transfer)
