"""How close each method is to the teacher, token by token: KL divergence and top-1 agreement.

Both are means over the answer tokens of the test items. Items are resampled, not tokens, because items are what is
sampled independently; the draws are those of the scores' intervals.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.intervals import Interval
from semalign.statistics.paired import paired_differences
from semalign.statistics.ratios import linearised, ratio_intervals
from semalign.statistics.scores import SCALE, Scores
from semalign.statistics.tables.cells import Cell, Group, Key
from semalign.statistics.tables.compare import Results
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.rows import Row

Figure = Literal["kl", "agreement"]
BOUNDS: dict[Figure, tuple[float, float]] = {"kl": (0.0, np.inf), "agreement": (0.0, SCALE)}


def agreement_rows(results: Results, order: Order, settings: StatisticsSettings) -> list[Row]:
    """One row per method and variant whose cells were all compared with the teacher, in the order of the tables.

    KL(teacher || model) in nats per token and agreement in percent of tokens, each with its interval over items
    and seeds, and its paired difference from the untouched student (a negative difference in KL is closer to the
    teacher). `items` is the number of items compared, without those that the two tokenizers split differently.
    """
    return rows_by_block(results, compared, lambda block: _block_rows(block, order, settings))


def compared(cell: Cell) -> bool:
    """Whether any of a cell's items was compared with the teacher."""
    return cell.tokens is not None and bool(cell.tokens.any())


def rows_by_block(
    results: Results, wanted: Callable[[Cell], bool], rows: Callable[[Sequence[Group]], dict[Key, Row]]
) -> list[Row]:
    """The `rows` of every pair and benchmark, from the groups whose cells are all `wanted`, in the tables' order."""
    blocks: dict[tuple[str, str], list[Group]] = {}
    for key, group in results.groups.items():
        if all(map(wanted, group.cells)):
            blocks.setdefault((key.pair, key.benchmark), []).append(group)
    by_key: dict[Key, Row] = {}
    for block in blocks.values():
        by_key |= rows(block)
    return [by_key[key] for key in results.groups if key in by_key]


def fidelity(group: Group, figure: Figure) -> Scores:
    """The linearised KL or agreement of every item and seed (see `statistics.ratios`)."""
    values, tokens = (
        np.stack([np.asarray(getattr(cell, name)) for cell in group.cells]) for name in (figure, "tokens")
    )
    rows = [linearised(row[None], weights)[0] for row, weights in zip(values, tokens, strict=True)]
    own = group.scores
    return Scores(np.stack(rows), own.seeds, trained=own.trained, strata=own.strata)


def _block_rows(block: Sequence[Group], order: Order, settings: StatisticsSettings) -> dict[Key, Row]:
    rows: dict[Key, Row] = {}
    for group in block:
        compared = max(int(np.count_nonzero(np.asarray(cell.tokens))) for cell in group.cells)
        rows[group.key] = {**group.key._asdict(), "seeds": len(group.cells), "items": compared}
    for figure, bounds in BOUNDS.items():
        scores = {group.key: fidelity(group, figure) for group in block}
        intervals = ratio_intervals(list(scores.values()), settings, bounds)
        differences = differences_from_student(scores, order, settings)
        for key, interval in zip(scores, intervals, strict=True):
            rows[key] |= interval_columns(f"teacher_{figure}", interval)
            rows[key] |= interval_columns(f"{figure}_vs_student", differences.get(key))
    return rows


def differences_from_student(
    scores: dict[Key, Scores], order: Order, settings: StatisticsSettings
) -> dict[Key, Interval]:
    """Paired differences of all other methods from the untouched student; empty if the student has no scores.

    `scores` hold one quantity for one pair and benchmark.
    """
    students = [k for k in scores if k.method == order.student and k.variant == order.default_variant]
    if not students:
        return {}
    others = [key for key in scores if key.method != order.student]
    differences = paired_differences([(scores[key], scores[students[0]]) for key in others], settings)
    return {key: Interval(d.estimate, d.low, d.high) for key, d in zip(others, differences, strict=True)}


def interval_columns(name: str, interval: Interval | None) -> Row:
    """The three columns of a value with its interval; None if it is not known."""
    if interval is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}
