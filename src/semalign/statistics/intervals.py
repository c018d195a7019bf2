"""Bootstrap interval of a mean score over items and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.resampling import ItemResampler
from semalign.statistics.scores import SCALE, Scores
from semalign.statistics.seeds import seed_deviations, spread

FEW = 10  # right or wrong items of one run


@dataclass(frozen=True)
class Interval:
    """An estimate with the bounds of its interval."""

    estimate: float
    low: float
    high: float


def mean_intervals(scores: Sequence[Scores], settings: StatisticsSettings) -> list[Interval]:
    """Percentile intervals of the mean scores of several methods on the same items, in percent.

    Items are resampled alike for all seeds and methods, draws of the seeds' part added (see `seeds`),
    and the percentiles taken. Where every item of every seed is wrong, or every one right, resampling sees no
    spread, and too little of it where fewer than FEW items of a single run are right or wrong; the exact binomial
    interval over the items stands in (Clopper and Pearson, 1934).
    """
    replicates = mean_replicates(scores, settings)
    return [
        _interval(method, row, settings.confidence) for method, row in zip(scores, replicates, strict=True)
    ]


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
    means = resampler.means(np.stack([method.level_item_means for method in scores]))
    for row, method, stream in zip(means, scores, streams or [0] * len(scores), strict=True):
        share = 1 / len(method.seeds)
        row += seed_deviations(spread(method.values), share, settings.resamples, settings.seed, stream)
    return means


def percentile_bounds(replicates: np.ndarray, confidence: float) -> tuple[float, float]:
    """The central `confidence` share of bootstrap replicates."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(replicates, [tail, 1 - tail])
    return float(low), float(high)


def _interval(scores: Scores, replicates: np.ndarray, confidence: float) -> Interval:
    if _few(scores):
        return _exact(scores.items * scores.mean / SCALE, scores.items, confidence)
    low, high = percentile_bounds(replicates, confidence)
    return Interval(scores.mean, max(0.0, low), min(SCALE, high))


def _few(scores: Scores) -> bool:
    """Whether too few items are at all right, or wrong, for resampling to see what else might have come."""
    right, wrong = np.count_nonzero(scores.values), np.count_nonzero(scores.values != SCALE)
    alone = len(scores.seeds) == 1 and scores.strata is None
    return bool(min(right, wrong) < (FEW if alone else 1))


def _exact(right: float, items: int, confidence: float) -> Interval:
    """By the beta distribution; wider than it must be where samples make an item right in part."""
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = beta.ppf(tail, right, items - right + 1) if right > 0 else 0.0
    high = beta.ppf(1 - tail, right + 1, items - right) if right < items else 1.0
    return Interval(SCALE * right / items, float(SCALE * low), float(SCALE * high))
