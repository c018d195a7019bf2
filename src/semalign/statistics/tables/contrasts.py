"""The comparisons that the study requests by name: one method against one other, for each pair of models.

They answer what "student" and "best baseline" can't: whether a control does as well, or how two methods that
train the same modules differ.
"""

import numpy as np

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.corrections import holm
from semalign.statistics.paired import Pair, paired_differences
from semalign.statistics.scores import Scores
from semalign.statistics.tables.cells import Key
from semalign.statistics.tables.compare import Results
from semalign.statistics.tables.costs import compute_of
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.rows import Row

MEAN = "mean"  # takes the place of a benchmark's name in the row over all benchmarks
Where = tuple[str, str, str, str]
RATIOS = ("seconds_ratio", "flops_ratio", "train_flops_ratio")


def contrast_rows(results: Results, order: Order, settings: StatisticsSettings) -> list[Row]:
    """One row per contrast and benchmark, and one for the unweighted mean over a pair's benchmarks.

    Benchmarks that are derived from one have its test items. Counting them twice would make the interval of the mean
    too narrow, so only one of them is in the mean (`_apart`).

    Differences are `method` minus `other` in percentage points. The p-values of the whole table are one Holm family.
    A contrast is left out if one of its sides has no cells. `*_ratio` is the cost of `method` divided by that of
    `other`, for one training with its signals (`train_flops_ratio`: without them).
    """
    pairs = _pairs(results, order)
    differences = {at: paired_differences([pair], settings)[0] for at, pair in pairs.items()}
    corrected = holm({at: difference.p for at, difference in differences.items()})
    return [
        {
            **dict(zip(("pair", "benchmark", "method", "other"), at, strict=True)),
            "seeds": min(len(scores.seeds) for scores in pairs[at]),
            "items": pairs[at][0].items,
            "difference": difference.estimate,
            "difference_low": difference.low,
            "difference_high": difference.high,
            "p": difference.p,
            "p_holm": corrected[at],
            "test": difference.test,
            **_ratios(results, order, at),
        }
        for at, difference in differences.items()
    ]


def _pairs(results: Results, order: Order) -> dict[Where, Pair]:
    groups = {key: group for key, group in results.groups.items() if key.variant == order.default_variant}
    sides_of: dict[Where, Pair] = {}
    for left, right in order.contrasts:
        for name in order.pairs:
            scores = {
                (key.benchmark, key.method): group.scores for key, group in groups.items() if key.pair == name
            }
            shared = [b for b in order.rows_of_benchmarks if (b, left) in scores and (b, right) in scores]
            for benchmark in shared:
                sides_of[name, benchmark, left, right] = scores[benchmark, left], scores[benchmark, right]
            whole = _apart([b for b in shared if not order.is_part(b)], order)
            if len(whole) > 1:
                sides = (_joined([scores[b, side] for b in whole]) for side in (left, right))
                sides_of[name, MEAN, left, right] = next(sides), next(sides)
    return sides_of


def _apart(benchmarks: list[str], order: Order) -> list[str]:
    """Benchmarks without common items: of those with the same ones the original, or the first derived one."""
    kept: dict[str, str] = {}
    for name in benchmarks:
        base = order.derived.get(name, name)
        if base == name or base not in kept:
            kept[base] = name
    return list(kept.values())


def _ratios(results: Results, order: Order, at: Where) -> Row:
    """Ratios of the costs of both sides, added up over the benchmarks of the row; None if not measured.

    Compared with a model that is not trained, a method has no ratio.
    """
    pair, benchmark, *sides = at
    if {*sides} & {order.student, order.teacher}:
        return dict.fromkeys(RATIOS)
    cells = {
        name: [results.groups.get(Key(pair, name, side, order.default_variant)) for side in sides]
        for name in (order.rows_of_benchmarks if benchmark == MEAN else [benchmark])
        if benchmark != MEAN or not order.is_part(name)
    }
    names = _apart([name for name, groups in cells.items() if None not in groups], order)
    own, other = (compute_of(group for name in names if (group := cells[name][side])) for side in (0, 1))
    return {f"{name}_ratio": _ratio(own[name], other[name]) for name in own}


def _ratio(value: float | None, other: float | None) -> float | None:
    return value / other if value is not None and other else None


def _joined(scores: list[Scores]) -> Scores:
    """All items of several benchmarks, weighted so that their mean is the mean of the benchmarks' means."""
    seeds = [seed for seed in scores[0].seeds if all(seed in benchmark.seeds for benchmark in scores)]
    total = sum(benchmark.items for benchmark in scores)
    parts = []
    for benchmark in scores:
        rows = benchmark.values[[benchmark.seeds.index(seed) for seed in seeds]]
        weight = total / (len(scores) * benchmark.items)
        parts.append(rows if weight == 1 else weight * rows)
    strata = np.repeat(np.arange(len(scores)), [benchmark.items for benchmark in scores])
    return Scores(np.concatenate(parts, axis=1), tuple(seeds), strata=strata)
