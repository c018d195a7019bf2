"""Bootstrap interval of a mean score over items and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.resampling import ItemResampler
from semalign.statistics.scores import SCALE, Scores
from semalign.statistics.seeds import seed_deviations, spread


@dataclass(frozen=True)
class Interval:
    """An estimate with the bounds of its interval."""

    estimate: float
    low: float
    high: float


def mean_intervals(scores: Sequence[Scores], settings: StatisticsSettings) -> list[Interval]:
    """Percentile intervals of the mean scores of several methods on the same items, in percent.

    Items are resampled alike for all seeds and methods, draws of the seeds' part added (see `seeds`),
    and the percentiles taken. Where every item
    of every seed is wrong, or every one right, resampling sees no spread; the exact binomial interval over
    the items stands in (Clopper and Pearson, 1934).
    """
    replicates = mean_replicates(scores, settings)
    return [_interval(given, row, settings.confidence) for given, row in zip(scores, replicates, strict=True)]


def mean_interval(scores: Scores, settings: StatisticsSettings) -> Interval:
    """`mean_intervals` for one method."""
    return mean_intervals([scores], settings)[0]


def mean_replicates(
    scores: Sequence[Scores], settings: StatisticsSettings, streams: Sequence[int] | None = None
) -> np.ndarray:
    """Bootstrap means `[methods, resamples]`, in percent; items are drawn alike for all methods.

    `streams` (default: all 0) numbers independent draws of seeds, for methods that are set off against each
    other. A method's row does not depend on which other methods are given.
    """
    resampler = ItemResampler(scores[0].items, settings.resamples, settings.seed)
    means = resampler.means(np.stack([given.level_item_means for given in scores]))
    for row, given, stream in zip(means, scores, streams or [0] * len(scores), strict=True):
        share = 1 / len(given.seeds)
        row += seed_deviations(spread(given.values), share, settings.resamples, settings.seed, stream)
    return means


def percentile_bounds(replicates: np.ndarray, confidence: float) -> tuple[float, float]:
    """The central `confidence` share of bootstrap replicates."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(replicates, [tail, 1 - tail])
    return float(low), float(high)


def _interval(scores: Scores, replicates: np.ndarray, confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    exact = SCALE * (1 - tail ** (1 / scores.items))
    if not scores.values.any():
        return Interval(0.0, 0.0, exact)
    if (scores.values == SCALE).all():
        return Interval(SCALE, SCALE - exact, SCALE)
    low, high = percentile_bounds(replicates, confidence)
    return Interval(scores.mean, max(0.0, low), min(SCALE, high))
