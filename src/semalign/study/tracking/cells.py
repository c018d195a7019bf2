"""What a tracker is told of a cell: its settings by name, its training curve, its scores."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semalign.config.cells import Cell
from semalign.runtime.files import read_json, read_jsonl
from semalign.runtime.provenance import RECORD
from semalign.study.layout import Layout


@dataclass(frozen=True)
class Tracked:
    """One run of a tracker.

    `name` is the cell's folder below `cells`, `digest` that of its files. `curve` has a row per logged update: `step`
    and numbers by name. `scores` are the numbers of metrics.json. Nothing else of a record is sent: no path, no text of
    an example.
    """

    name: str
    digest: str
    facts: dict[str, str | int]
    curve: list[dict[str, float]]
    scores: dict[str, float]


def tracked_cells(layout: Layout) -> Iterator[Tracked]:
    """The cells of a study that are finished, in its order."""
    for cell in layout.cells:
        folder = Path(layout.cell_folder(cell))
        if (folder / RECORD).is_file():
            yield read_cell(layout.study.study, cell, folder)


def read_cell(study: str, cell: Cell, folder: Path) -> Tracked:
    """What is sent of the cell in a folder."""
    facts: dict[str, str | int] = {"study": study, **vars(cell)}
    curve = folder / "transfer/history.jsonl"
    rows = [_numbers(row) for row in read_jsonl(curve)] if curve.is_file() else []
    scores = _numbers(read_json(folder / "metrics.json"))
    return Tracked(cell.path, str(read_json(folder / RECORD)["digest"]), facts, rows, scores)


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    """The finite numbers among the values."""
    kept = {key: value for key, value in values.items() if isinstance(value, int | float)}
    return {key: value for key, value in kept.items() if math.isfinite(value)}
