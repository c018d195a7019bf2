"""The best contiguous window of a matrix (Seeking's choice of width), without a loop over the candidates.

A window's sum is read off a summed-area table P with a zero border:
P(i+a, j+b) - P(i, j+b) - P(i+a, j) + P(i, j). Here the differences are taken along one side after the other, which
is the same sum and needs no whole table in float64.
"""

from typing import NamedTuple

import torch

STRIP = 1024  # columns that are added up in float64 at once


class Window(NamedTuple):
    """Where a window begins."""

    row: int
    column: int


def window_sums(scores: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Sums of every contiguous window of `shape` (a, b) in `scores` [rows, columns], in float64.

    Returns [rows - a + 1, columns - b + 1]. They are linear in the scores: sums over examples may be taken before
    or after.
    """
    strips = [_sliding_sums(strip, 0, shape[0]) for strip in scores.split(STRIP, dim=1)]
    return _sliding_sums(torch.cat(strips, 1), 1, shape[1])


def first_maximum(sums: torch.Tensor) -> Window:
    """The window with the largest sum; among equals the first one, row by row."""
    flat = sums.flatten()
    first = int((flat == flat.max()).nonzero()[0])
    return Window(*divmod(first, sums.shape[1]))


def _sliding_sums(values: torch.Tensor, dim: int, size: int) -> torch.Tensor:
    """Sums of every `size` neighbours along `dim`."""
    table = values.cumsum(dim, dtype=torch.float64)
    ends = table.narrow(dim, size - 1, table.shape[dim] - size + 1).clone()
    rest = ends.narrow(dim, 1, ends.shape[dim] - 1)
    rest -= table.narrow(dim, 0, rest.shape[dim])
    return ends
