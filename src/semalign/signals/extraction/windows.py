"""The best contiguous window of a matrix (Seeking's choice of width), without a loop over the candidates.

Windows slide along one side after the other. The first of a line is added up; each next one is the one before,
plus what enters, less what leaves.
"""

from typing import NamedTuple

import torch

STRIP = 256  # rows that are held in float64 at once, near the processor's cache


class Window(NamedTuple):
    """Where a window begins."""

    row: int
    column: int


def window_sums(scores: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Sums of every contiguous window of `shape` (a, b) in `scores` [rows, columns], in float64.

    Returns [rows - a + 1, columns - b + 1]. They are linear in the scores: sums over examples may be taken before
    or after.
    """
    strips = [_sliding_sums(strip, 1, shape[1]) for strip in scores.split(STRIP)]
    return _sliding_sums(torch.cat(strips), 0, shape[0])


def first_maximum(sums: torch.Tensor) -> Window:
    """The window with the largest sum; among equals the first one, row by row."""
    flat = sums.flatten()
    first = int((flat == flat.max()).nonzero()[0])
    return Window(*divmod(first, sums.shape[1]))


def _sliding_sums(values: torch.Tensor, dim: int, size: int) -> torch.Tensor:
    """Sums of every `size` neighbours along `dim`."""
    values = values.to(torch.float64)
    others = values.shape[dim] - size
    first = values.narrow(dim, 0, size).sum(dim, keepdim=True)
    entering = values.narrow(dim, size, others)
    leaving = values.narrow(dim, 0, others)
    return torch.cat([first, entering - leaving], dim).cumsum_(dim)
