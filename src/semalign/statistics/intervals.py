"""Bootstrap interval of a mean score over items and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.resampling import ItemResampler
from semalign.statistics.scores import SCALE, Scores
from semalign.statistics.seeds import seed_deviations, spread

FEW = 10  # a single run needs this many right and this many wrong items to be resampled


@dataclass(frozen=True)
class Interval:
    """An estimate with the bounds of its interval."""

    estimate: float
    low: float
    high: float


def mean_intervals(scores: Sequence[Scores], settings: StatisticsSettings) -> list[Interval]:
    """Percentile intervals of the mean scores of several methods on the same items, in percent.

    All seeds and methods share the same draws of items. Draws of the seeds' contribution (see `seeds`) are added to the
    resampled means before the percentiles are taken.

    If all items of all seeds are right, or all wrong, resampling shows no spread; if fewer than FEW items of a single
    run are right or wrong, it shows too little. The exact binomial interval over the items is used instead (Clopper and
    Pearson, 1934).
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
    """Bootstrap means `[methods, resamples]`, in percent; all methods share the same draws of items.

    `streams` (default: all 0) holds one number per method; methods with different numbers get independent draws of the
    seeds' contribution. Methods that are subtracted from each other need this. A method's row does not depend on which
    other methods are passed.
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
    """Whether too few items are right, or too few wrong, for resampling to show how much the mean varies."""
    right, wrong = np.count_nonzero(scores.values), np.count_nonzero(scores.values != SCALE)
    alone = len(scores.seeds) == 1 and scores.strata is None
    return bool(min(right, wrong) < (FEW if alone else 1))


def _exact(right: float, items: int, confidence: float) -> Interval:
    """Clopper-Pearson interval by the beta distribution; conservative if items are partly right (pass@1)."""
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = beta.ppf(tail, right, items - right + 1) if right > 0 else 0.0
    high = beta.ppf(1 - tail, right + 1, items - right) if right < items else 1.0
    return Interval(SCALE * right / items, float(SCALE * low), float(SCALE * high))
