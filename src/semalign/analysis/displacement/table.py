"""The table of displacements: one row per trained student or target, and layer."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from semalign.analysis.accumulation import Resampling, resample_means
from semalign.analysis.displacement.reading import BLOCK, Origin, Target, as_chosen, interface_of
from semalign.analysis.displacement.tangent import Reference
from semalign.config.cells import DEFAULT, Cell
from semalign.models.transfers import load_student
from semalign.runtime.columns import COLUMNS
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json

logger = logging.getLogger("semalign")

ACHIEVED, TARGET = "achieved", "target"
SECONDS = 5.0  # between two progress messages
Moved = Mapping[int, Tensor]  # layer -> tangent displacements [positions, width]


class Comparison:
    """Compares displacements with those of the reference method's seeds, with intervals over examples."""

    def __init__(self, origin: Origin, reference: Mapping[int, Moved], resampling: Resampling) -> None:
        self.origin, self.resampling = origin, resampling
        self.references = {
            layer: Reference({seed: moved[layer] for seed, moved in reference.items()})
            for layer in origin.layers
        }

    def measure(self, moved: Moved, seed: int | None, itself: bool = False) -> Iterator[tuple[Any, ...]]:
        """(layer, cosine, low, high, size, positions) of each layer; without a direction, the cosine is NaN."""
        for layer, displacement in moved.items():
            reference = self.references[layer]
            cosines = reference.cosines(displacement, reference.seeds_for(seed, itself))
            size = self.origin.size(displacement, layer)
            if size == 0:
                cosines = torch.full_like(cosines, torch.nan)
            yield layer, *self._interval(cosines), size, len(cosines)

    def _interval(self, cosines: Tensor) -> tuple[float, ...]:
        """The mean over positions, and its interval over examples, which are resampled as wholes."""
        owners = self.origin.owners
        rows = [cosines[owners == owner, None] for owner in owners.unique()]
        return tuple(float(value) for value in resample_means(rows, self.resampling))


def displacement_table(
    origin: Origin,
    cells: Mapping[Path, Cell],
    targets: Sequence[Target],
    reference: str,
    teacher: Path,
    resampling: Resampling,
) -> pd.DataFrame:
    """One row per trained cell and layer, then one per target and layer; untouched models are left out.

    Raises UserError if the reference method has no cell.
    """
    trained = {
        folder: cell
        for folder, cell in cells.items()
        if read_json(folder / "transfer" / "transfer.json")["kind"] != "untouched"
    }
    own = [folder for folder, cell in trained.items() if _is_reference(cell, reference)]
    if not own:
        names = ", ".join(dict.fromkeys(cell.method for cell in trained.values())) or "none"
        raise UserError(
            f"analysis.displacement.reference: found {reference!r}, expected a trained method, one of {names}"
        )
    known = {trained[folder].seed: _moved(origin, folder, teacher) for folder in own}
    comparison = Comparison(origin, known, resampling)
    asked = [as_chosen(target, trained) for target in targets]
    rows = [*_achieved(comparison, trained, known, reference, teacher), *_asked(comparison, asked)]
    first = next(iter(trained.values()))
    constant = {"pair": first.pair, "benchmark": first.benchmark, "reference": reference}
    columns = list(COLUMNS["displacement"])
    table = pd.DataFrame(rows, columns=[name for name in columns if name not in constant])
    return table.assign(**constant)[columns].astype({"seed": "Int64"})


def _achieved(
    comparison: Comparison,
    trained: Mapping[Path, Cell],
    known: Mapping[int, Moved],
    reference: str,
    teacher: Path,
) -> Iterator[tuple[Any, ...]]:
    """The rows of all trained cells; `known` are the displacements of the reference's seeds."""
    logged = time.monotonic()
    for done, (folder, cell) in enumerate(trained.items(), start=1):
        itself = _is_reference(cell, reference)
        moved = known[cell.seed] if itself else _moved(comparison.origin, folder, teacher)
        for measured in comparison.measure(moved, cell.seed, itself):
            yield cell.method, cell.variant, cell.seed, ACHIEVED, BLOCK, *measured
        if time.monotonic() - logged > SECONDS or done == len(trained):
            logged = time.monotonic()
            logger.info("displacement: %d of %d cells", done, len(trained))


def _asked(comparison: Comparison, targets: Sequence[Target]) -> Iterator[tuple[Any, ...]]:
    """The rows of all targets, which no training seed belongs to."""
    for target in targets:
        for measured in comparison.measure(comparison.origin.asked(target), None):
            yield target.method, target.variant, None, TARGET, interface_of(target), *measured


def _is_reference(cell: Cell, reference: str) -> bool:
    return (cell.method, cell.variant) == (reference, DEFAULT)


def _moved(origin: Origin, folder: Path, teacher: Path) -> Moved:
    place = origin.place
    model = load_student(place.student, teacher, folder / "transfer", place.device, place.dtype)
    return origin.moved(model)
