"""Seeking's search (arXiv 2310.11451): which teacher blocks to keep, and which window of each of their matrices.

Only the kept blocks need windows, but they are known only after all examples have been read. For a student that is much
smaller than the teacher, the accumulators of all windows would take more memory than the teacher. If they fit, one pass
over the examples is enough. Otherwise a first pass selects the blocks, and further passes search as many of their
matrices at a time as fit. Every pass sums the same numbers, so the result does not depend on the number of passes.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from semalign.benchmarks.encoding import Batch
from semalign.signals.extraction.matrices import Key, Matrix, Shape
from semalign.signals.extraction.sensitivity import Tally, add_up
from semalign.signals.extraction.windows import Window, first_maximum

SHARE = 0.125  # size limit of one pass's accumulators, as a share of the teacher's bytes
BYTES = 8  # per float64


@dataclass(frozen=True)
class SearchResult:
    """Result of the search.

    `scores` are the sensitivities of all teacher layers and `layers` the kept layers (from 1, by depth). `windows` are
    the windows of their matrices. `passes` is how often the examples went through the teacher.
    """

    scores: list[float]
    layers: list[int]
    windows: dict[Key, Window]
    passes: int


def find_windows(
    model: Any,
    batches: Sequence[Batch],
    matrices: Sequence[Matrix],
    shapes: dict[str, Shape],
    layers: int,
    share: float = SHARE,
) -> SearchResult:
    """Keep the `layers` most sensitive blocks of the teacher `model`; find the best window in each of their `matrices`.

    `shapes` are the windows' shapes by projection; each batch holds one example. The examples pass through the teacher
    once if the accumulators of all matrices fit into `share` of its bytes. Otherwise they pass once for the blocks'
    scores and once for each group of kept matrices whose accumulators fit. Blocks and windows with the largest summed
    sensitivity are chosen, as in Seeking (arXiv 2310.11451).
    """
    room = share * sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    sizes = {matrix.key: _size(model, matrix, shapes) for matrix in matrices}
    at_once = sum(sizes.values()) <= room
    first = Tally(shapes, matrices if at_once else (), blocks=True)
    add_up(model, batches, first)
    scores = [score for _, score in sorted(first.scores.items())]
    blocks = most_sensitive(scores, layers)
    kept = kept_matrices(matrices, blocks)
    if at_once:
        return SearchResult(scores, blocks, _best(first, kept), 1)
    windows: dict[Key, Window] = {}
    passes = 1
    for group in _groups(kept, sizes, room):
        tally = Tally(shapes, group)
        add_up(model, batches, tally)
        windows.update(_best(tally, group))
        passes += 1
    return SearchResult(scores, blocks, windows, passes)


def random_windows(
    model: Any, matrices: Sequence[Matrix], shapes: dict[str, Shape], seed: int
) -> dict[Key, Window]:
    """Control: draw a window of each matrix uniformly, instead of choosing it by sensitivity."""
    random = np.random.default_rng(seed)
    windows = {}
    for matrix in matrices:
        sides = zip(matrix.shape(model), shapes[matrix.projection], strict=True)
        windows[matrix.key] = Window(*(int(random.integers(side - window + 1)) for side, window in sides))
    return windows


def kept_matrices(matrices: Sequence[Matrix], layers: Sequence[int]) -> list[Matrix]:
    """The matrices of the kept blocks, and those outside any block."""
    return [matrix for matrix in matrices if matrix.layer is None or matrix.layer in layers]


def most_sensitive(scores: Sequence[float], count: int) -> list[int]:
    """The `count` layers (from 1) with the highest scores, sorted by depth; ties go to the shallower layer."""
    ranked = sorted(range(1, len(scores) + 1), key=lambda layer: (-scores[layer - 1], layer))
    return sorted(ranked[:count])


def _best(tally: Tally, matrices: Sequence[Matrix]) -> dict[Key, Window]:
    return {matrix.key: first_maximum(tally.sums[matrix.key]) for matrix in matrices}


def _groups(matrices: Sequence[Matrix], sizes: dict[Key, int], room: float) -> Iterator[list[Matrix]]:
    """Group consecutive matrices whose accumulators fit into `room` bytes; a larger one is a group by itself."""
    group: list[Matrix] = []
    used = 0
    for matrix in matrices:
        if group and used + sizes[matrix.key] > room:
            yield group
            group = []
            used = 0
        group.append(matrix)
        used += sizes[matrix.key]
    yield group


def _size(model: Any, matrix: Matrix, shapes: dict[str, Shape]) -> int:
    """Size in bytes of one matrix's accumulator."""
    sides = zip(matrix.shape(model), shapes[matrix.projection], strict=True)
    return BYTES * math.prod(side - window + 1 for side, window in sides)
