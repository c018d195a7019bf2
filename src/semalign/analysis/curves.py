"""Training curves: every term of a cell's loss over its steps."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from semalign.analysis.listing import cell_of
from semalign.runtime.columns import COLUMNS
from semalign.runtime.files import read_jsonl

BESIDE = ("step", "learning_rate")  # the keys of a logged step that are not terms of the loss
POINTS = 60  # more than a figure can show


def curves_table(cells: Iterable[Path], points: int = POINTS) -> pd.DataFrame:
    """One row per point and term of every cell, after `thin`."""
    rows: list[tuple[Any, ...]] = []
    for folder in cells:
        cell = cell_of(folder)
        key = (cell.pair, cell.benchmark, cell.method, cell.variant, cell.seed)
        history = read_jsonl(folder / "transfer" / "history.jsonl")
        rows += [(*key, *point) for point in thin(history, points)]
    return pd.DataFrame(rows, columns=list(COLUMNS["curves"]))


def thin(history: Sequence[dict[str, Any]], points: int = POINTS) -> list[tuple[int, str, float]]:
    """(step, term, loss) of at most `points` points per term.

    A longer history is divided into `points` runs of consecutive logged steps, as equal in length as possible. Each run
    becomes one point: the mean of the term over the steps that logged it, at the rounded mean step.
    """
    runs = np.array_split(np.arange(len(history)), min(points, len(history))) if history else []
    return [point for run in runs for point in _means([history[index] for index in run])]


def _means(run: Sequence[dict[str, Any]]) -> list[tuple[int, str, float]]:
    step = round(sum(row["step"] for row in run) / len(run))
    terms = dict.fromkeys(name for row in run for name in row if name not in BESIDE)
    logged = {term: [row[term] for row in run if row.get(term) is not None] for term in terms}
    return [(step, term, sum(values) / len(values)) for term, values in logged.items() if values]
