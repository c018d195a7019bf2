"""Means weighted by the size of an item: figures a token, over items of many or few tokens.

Such a mean is a ratio of two sums, and chance moves both. Each item stands in by its linearised value, the
mean plus what the item moves it by (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter
on the delta method): a plain mean of these is the weighted mean, and what holds for means of scores holds
for them. With one seed and the long tail that KL has over items, 95 % intervals cover in 92 to 93 %.
"""

from collections.abc import Sequence

import numpy as np

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.intervals import Interval, mean_replicates, percentile_bounds
from semalign.statistics.scores import Scores


def linearised(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Item values `[seeds, items]` whose plain mean over items is the mean weighted by `weights` `[items]`.

    Raises ValueError where the weights are negative or all 0.
    """
    if not weights.any() or weights.min() < 0:
        raise ValueError(f"weights from {weights.min():g} to {weights.max():g}, expected some above 0")
    means = np.average(values, axis=1, weights=weights)[:, None]
    return np.asarray(means + weights / weights.mean() * (values - means))


def ratio_intervals(
    scores: Sequence[Scores], settings: StatisticsSettings, bounds: tuple[float, float]
) -> list[Interval]:
    """Intervals of weighted means from their `linearised` values, cut at the `bounds` of the figure."""
    results = []
    for figure, row in zip(scores, mean_replicates(scores, settings), strict=True):
        low, high = np.clip(percentile_bounds(row, settings.confidence), *bounds)
        results.append(Interval(figure.mean, float(low), float(high)))
    return results
