"""Places where the rows of a large matrix are dense, without comparing all pairs of rows.

Rows are projected onto random directions and sorted into the cells of several random grids. Rows near one place share a
cell in some grid; rows that are far apart hardly ever do, since a grid has many axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

PROJECTED = 64  # random directions; all axes of the grids are made of these
GRIDS = 16
# A cell is as wide as one standard deviation of the rows. Two normal rows share it along one axis with probability .27;
# a grid has as many axes as make a row share its cell with CHANCE others.
SAME = 0.27
CHANCE = 0.01
CANDIDATES = 16
CHUNK = 8192  # rows in float64 at once


def dense_places(rows: Callable[[], Iterable[Tensor]], count: int, minimum: int) -> list[Tensor]:
    """Numbers of the rows in each of the CANDIDATES fullest cells with at least `minimum` rows, fullest first.

    `rows` yields the matrix in chunks, `count` rows in all. The result is the same in every run.
    """
    if count < minimum:
        return []
    generator = torch.Generator().manual_seed(0)
    places = _whiten(_project(rows(), count, generator))
    cells = [cell for _ in range(GRIDS) for cell in _fullest(_sort(places, generator), minimum)]
    return sorted(cells, key=len, reverse=True)[:CANDIDATES]


def _project(rows: Iterable[Tensor], count: int, generator: torch.Generator) -> Tensor:
    """The rows on PROJECTED random directions, or as they are if they have no more columns."""
    places = axes = torch.empty(count, 0)
    start = 0
    for chunk in rows:
        width = chunk.shape[1]
        if start == 0:
            places = torch.empty(count, min(width, PROJECTED))
            axes = torch.randn(width, PROJECTED, generator=generator) / width**0.5
        places[start : start + len(chunk)] = chunk @ axes.to(chunk) if width > PROJECTED else chunk
        start += len(chunk)
    return places


def _whiten(places: Tensor) -> Tensor:
    """The rows with mean 0 and covariance 1: a direction that dominates them would make all axes of a grid alike."""
    centred = places - places.mean(dim=0)
    covariance = sum(part.T.double() @ part.double() for part in centred.split(CHUNK)) / len(centred)
    values, vectors = torch.linalg.eigh(covariance)
    kept = values > 1e-6 * values[-1]
    return centred @ (vectors[:, kept] / values[kept].sqrt()).to(centred)


def _sort(places: Tensor, generator: torch.Generator) -> Tensor:
    """One number per row that stands for its cell of a random grid."""
    width = places.shape[1]
    count = math.ceil(math.log(CHANCE / len(places)) / math.log(SAME))
    axes, _ = torch.linalg.qr(torch.randn(width, min(count, width), generator=generator))
    cells = (places @ axes + torch.rand(axes.shape[1], generator=generator)).floor().long()
    factors = torch.randint(1, 1 << 40, (axes.shape[1],), generator=generator)
    return (cells * factors).sum(dim=1)


def _fullest(cells: Tensor, minimum: int) -> Iterator[Tensor]:
    """The rows of each of the CANDIDATES fullest cells."""
    _, cell_of, counts = cells.unique(return_inverse=True, return_counts=True)
    for cell in counts.argsort(descending=True, stable=True)[:CANDIDATES].tolist():
        if counts[cell] >= minimum:
            yield (cell_of == cell).nonzero()[:, 0]
