"""Free text: exact match, lenient match and token F1 of each method, with their differences from the student."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.intervals import mean_intervals
from semalign.statistics.scores import SCALE, Scores
from semalign.statistics.tables.agreement import differences_from_student, interval_columns, rows_by_block
from semalign.statistics.tables.cells import Cell, Group, Key
from semalign.statistics.tables.compare import Results
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.rows import Row
from semalign.statistics.tables.texts import Text

Measure = Literal["lenient", "token_f1", "nats", "bits"]
SHARES: tuple[Measure, ...] = ("lenient", "token_f1")


def free_text_rows(results: Results, order: Order, settings: StatisticsSettings) -> list[Row]:
    """One row per method and variant on each benchmark (or part of a mixture) of free text, in table order.

    All values are percentages with their intervals over items and seeds; `exact` is the score of the other tables.
    """
    return rows_by_block(results, is_free_text, lambda block: _block_rows(block, order, settings))


def is_free_text(cell: Cell) -> bool:
    """Whether all items of a cell are free text; the whole of a mixture is left to its parts."""
    return bool(cell.texts) and all(cell.texts) and not any(cell.parts)


def has_likelihoods(cell: Cell) -> bool:
    """Whether all items of a cell are free text whose reference has a likelihood."""
    return is_free_text(cell) and not np.isnan(measure_of(cell, "bits")).any()


def texts_of(cell: Cell) -> list[Text]:
    """The free texts of a cell, in the order of its ids."""
    return [text for text in cell.texts if text]


def measure_of(cell: Cell, name: Measure) -> np.ndarray:
    """One measure of a free-text cell's items `[items]`."""
    return np.array([getattr(text, name) for text in texts_of(cell)], dtype=float)


def scores_of(group: Group, name: Measure, scale: float = 1.0) -> Scores:
    """One measure of all seeds and items of a free-text group."""
    values = np.stack([scale * measure_of(cell, name) for cell in group.cells])
    return Scores(values, group.scores.seeds, trained=group.scores.trained)


def _block_rows(block: Sequence[Group], order: Order, settings: StatisticsSettings) -> dict[Key, Row]:
    rows: dict[Key, Row] = {
        group.key: {**group.key._asdict(), "seeds": len(group.cells), "items": group.scores.items}
        for group in block
    }
    measures = {"exact": {group.key: group.scores for group in block}}
    measures |= {name: {group.key: scores_of(group, name, SCALE) for group in block} for name in SHARES}
    for name, scores in measures.items():
        intervals = mean_intervals(list(scores.values()), settings)
        differences = differences_from_student(scores, order, settings)
        for key, interval in zip(scores, intervals, strict=True):
            rows[key] |= interval_columns(name, interval)
            rows[key] |= interval_columns(f"{name}_vs_student", differences.get(key))
    return rows
