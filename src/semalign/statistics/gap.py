"""The share of the gap between teacher and student that a method closes."""

from collections.abc import Sequence

import numpy as np

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.intervals import Interval, mean_replicates, percentile_bounds
from semalign.statistics.scores import Scores


def gaps_closed(
    scores: Sequence[Scores], student: Scores, teacher: Scores, settings: StatisticsSettings
) -> list[Interval | None]:
    """(score - student) / (teacher - student) with bootstrap intervals, for methods on the same items.

    0 is the student, 1 the teacher; negative is worse than the student. The result is None for every method if the
    interval of teacher - student is not entirely above 0 (there is no gap to close), and for a method
    whose bounds are not finite.
    """
    # Student, teacher and method are subtracted from each other, so their seeds need independent draws.
    replicates = mean_replicates([student, teacher, *scores], settings, [1, 2, *[0] * len(scores)])
    gap = replicates[1] - replicates[0]
    if percentile_bounds(gap, settings.confidence)[0] <= 0:
        return [None] * len(scores)
    results = []
    for method, row in zip(scores, replicates[2:], strict=True):
        estimate = (method.mean - student.mean) / (teacher.mean - student.mean)
        results.append(_interval(estimate, row - replicates[0], gap, settings.confidence))
    return results


def _interval(estimate: float, gained: np.ndarray, gap: np.ndarray, confidence: float) -> Interval | None:
    """Percentiles of the ratio; for a resampled gap that is not positive, the ratio is infinite."""
    positive = gap > 0
    ratio = np.where(positive, gained / np.where(positive, gap, 1.0), np.copysign(np.inf, gained))
    tail = (1 - confidence) / 2
    # no interpolation between observations: some may be infinite
    low, high = np.quantile(ratio, [tail, 1 - tail], method="closest_observation")
    finite = np.isfinite(low) and np.isfinite(high)
    return Interval(estimate, float(low), float(high)) if finite else None
