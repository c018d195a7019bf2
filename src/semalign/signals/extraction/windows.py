"""The best contiguous window of a matrix, found without a loop over the candidates.

Seeking (arXiv 2310.11451) reduces a teacher's matrix to the student's shape in this way. Sums slide along one dimension
after the other: each sum is the previous one, plus the entering value, minus the leaving value.
"""

from typing import NamedTuple

import torch

STRIP = 256  # rows held in float64 at once, about what fits in the processor's cache


class Window(NamedTuple):
    """Position of a window's first row and column."""

    row: int
    column: int


def window_sums(scores: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Sums over every contiguous window of `shape` (a, b) in `scores` [rows, columns], in float64.

    Returns [rows - a + 1, columns - b + 1]. The result is linear in the scores, so examples may be summed before or
    after.
    """
    strips = [_sliding_sums(strip, 1, shape[1]) for strip in scores.split(STRIP)]
    return _sliding_sums(torch.cat(strips), 0, shape[0])


def first_maximum(sums: torch.Tensor) -> Window:
    """The window with the largest sum; ties go to the first in row-major order."""
    flat = sums.flatten()
    first = int((flat == flat.max()).nonzero()[0])
    return Window(*divmod(first, sums.shape[1]))


def _sliding_sums(values: torch.Tensor, dim: int, size: int) -> torch.Tensor:
    """Sums of `size` consecutive values along `dim`."""
    values = values.to(torch.float64)
    others = values.shape[dim] - size
    first = values.narrow(dim, 0, size).sum(dim, keepdim=True)
    entering = values.narrow(dim, size, others)
    leaving = values.narrow(dim, 0, others)
    return torch.cat([first, entering - leaving], dim).cumsum_(dim)
