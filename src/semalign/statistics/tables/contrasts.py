"""The comparisons that the study asks for by name: one method against one other, each pair of its own.

They answer what "student" and "best baseline" can't: whether a control does as well, or what two methods that
train the same modules differ in.
"""

import numpy as np

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.corrections import holm
from semalign.statistics.paired import Pair, paired_differences
from semalign.statistics.scores import Scores
from semalign.statistics.tables.compare import Results
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.rows import Row

MEAN = "mean"  # stands for a benchmark in the row over all of them
Where = tuple[str, str, str, str]


def contrast_rows(results: Results, order: Order, settings: StatisticsSettings) -> list[Row]:
    """A row a contrast and benchmark, and one over a pair's benchmarks, which all weigh alike there.

    Differences in percent points, `method` minus `other`; the p-values of the whole table are one Holm family.
    A contrast one side of which has no cells is left out.
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
            whole = [b for b in shared if not order.is_part(b)]
            if len(whole) > 1:
                sides = (_joined([scores[b, side] for b in whole]) for side in (left, right))
                sides_of[name, MEAN, left, right] = next(sides), next(sides)
    return sides_of


def _joined(scores: list[Scores]) -> Scores:
    """All items of several benchmarks, weighed so that their mean is the mean of the benchmarks' means."""
    seeds = [seed for seed in scores[0].seeds if all(seed in benchmark.seeds for benchmark in scores)]
    total = sum(benchmark.items for benchmark in scores)
    parts = []
    for benchmark in scores:
        rows = benchmark.values[[benchmark.seeds.index(seed) for seed in seeds]]
        weight = total / (len(scores) * benchmark.items)
        parts.append(rows if weight == 1 else weight * rows)
    strata = np.repeat(np.arange(len(scores)), [benchmark.items for benchmark in scores])
    return Scores(np.concatenate(parts, axis=1), tuple(seeds), strata=strata)
