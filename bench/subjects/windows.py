"""Seeking's window search, against the double loop over all windows."""

from typing import Any

import torch

from bench.subject import Case, Check, Goal, Sides, Size, Subject
from semalign.signals.extraction.windows import first_maximum, window_sums


def double_loop(scores: torch.Tensor, shape: tuple[int, int]) -> tuple[int, int]:
    """The first of the best windows, by summing up every window in float64."""
    wide, best, place = scores.double(), -float("inf"), (0, 0)
    for row in range(scores.shape[0] - shape[0] + 1):
        for column in range(scores.shape[1] - shape[1] + 1):
            total = float(wide[row : row + shape[0], column : column + shape[1]].sum())
            if total > best:
                best, place = total, (row, column)
    return place


def build(size: Size, device: str) -> Sides:
    """The sides with a matrix of scores that resemble sensitivities: not negative, a few of them large."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(size["rows"], size["columns"], generator=generator).abs().pow(3).to(device)
    rows, columns = size["window"]
    shape = (rows, columns)

    def ours() -> tuple[int, int]:
        window = first_maximum(window_sums(scores, shape))
        return window.row, window.column

    def check(mine: Any, theirs: Any) -> Check:
        return Check("windows that differ", float(mine != theirs), 0)

    windows = (size["rows"] - shape[0] + 1) * (size["columns"] - shape[1] + 1)
    return Sides(ours, lambda: double_loop(scores, shape), check, work=windows)


GOAL = Goal(faster=1000)
SUBJECT = Subject(
    "Seeking's window search",
    "the double loop",
    {
        "cpu": (
            Case(
                "576 x 192", {"rows": 576, "columns": 192, "window": [432, 144]}, 5, memory=False, goal=GOAL
            ),
            Case(
                "1,536 x 576",
                {"rows": 1536, "columns": 576, "window": [1408, 448]},
                3,
                memory=False,
                goal=GOAL,
            ),
        ),
        "cuda": (
            Case(
                "5,120 x 5,120",
                {"rows": 5120, "columns": 5120, "window": [4992, 4992]},
                2,
                memory=False,
                goal=GOAL,
            ),
        ),
        "quick": (Case("pico", {"rows": 12, "columns": 9, "window": [5, 4]}, 2, memory=False),),
    },
    build,
    unit="windows",
    explanation={
        "cpu": "The smaller search is a dozen calls, whose time hardly depends on the number of windows."
    },
)
