"""Paired difference between two methods on the same items, with an interval and a p-value.

Interval: percentile bootstrap over items (paired), plus draws of the seeds' contribution (see `seeds`).

p-value: the sign of each item's difference is flipped at random (the two methods swap places on that item), and the
same draws of the seeds' contribution are added. The p-value is the share of these means that are at least as far from 0
as the measured one. With one seed on either side and items that are right or wrong, this is McNemar's test, which is
then computed exactly (McNemar, 1947).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import binomtest

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.intervals import percentile_bounds
from semalign.statistics.resampling import ItemResampler
from semalign.statistics.scores import SCALE, Scores
from semalign.statistics.seeds import Spread, pooled, seed_deviations, spread

_TIE = 1e-9  # percentage points; differences are sums of fractions, so equal ones may differ in the last bits

Pair = tuple[Scores, Scores]


@dataclass(frozen=True)
class Difference:
    """`left - right` in percentage points; `p` is two-sided and not corrected.

    `discordance` is the mean squared difference of an item (scores as shares) for one seed: if items are right or
    wrong, the share of items on which the two methods differ.

    The other fields are inputs of `power`. `item_discordance` is the same after each method was averaged over its
    seeds. `seed_variance` (percentage points squared) is what the seeds add to the variance of the difference; the
    estimate is unbiased, so it may be below 0. `seed_noise` (percentage points squared) is the part of the variance
    between the seeds' means that item noise explains. `seeds` is one more than the degrees of freedom of the variance
    estimate, 1 if there is none.
    """

    estimate: float
    low: float
    high: float
    p: float
    test: Literal["mcnemar", "bootstrap"]
    discordance: float
    item_discordance: float
    seed_variance: float
    seed_noise: float = 0.0
    seeds: int = 1


def paired_differences(pairs: Sequence[Pair], settings: StatisticsSettings) -> list[Difference]:
    """Differences `left - right` of several pairs of methods that share their items.

    If both sides have the same seeds, they are paired seed by seed. Otherwise (an untrained student with its one seed,
    or an ablation with fewer seeds) each side is averaged over its seeds, whose effects count as independent. Two
    trained sides are assumed to vary equally with the seed, so a side with a single seed uses the other's spread.
    """
    if not pairs:
        return []
    differences = np.stack([left.level_item_means - right.level_item_means for left, right in pairs])
    resampler = ItemResampler(differences.shape[1], settings.resamples, settings.seed)
    replicates = resampler.means(differences)
    flipped = resampler.flipped_means(differences)
    results = []
    for index, pair in enumerate(pairs):
        seeds = _seed_part(pair, settings)
        results.append(
            _difference(pair, replicates[index] + seeds, flipped[index] + seeds, settings.confidence)
        )
    return results


def paired_difference(left: Scores, right: Scores, settings: StatisticsSettings) -> Difference:
    """`paired_differences` for one pair of methods."""
    return paired_differences([(left, right)], settings)[0]


def mcnemar(left: np.ndarray, right: np.ndarray) -> float:
    """Exact two-sided p-value of McNemar's test for items `[items]` that are right or wrong; 1 if none differ."""
    better, worse = int((left > right).sum()), int((left < right).sum())
    return float(binomtest(better, better + worse).pvalue) if better + worse else 1.0


def _difference(pair: Pair, replicates: np.ndarray, null: np.ndarray, confidence: float) -> Difference:
    left, right = pair
    estimate = left.mean - right.mean
    sources = _seed_sources(pair)
    low, high = percentile_bounds(replicates, confidence)
    exact = len(left.seeds) == len(right.seeds) == 1 and left.binary and right.binary
    if exact:
        p = mcnemar(left.values[0], right.values[0])
    else:
        p = (1 + int((np.abs(null) >= abs(estimate) - _TIE).sum())) / (1 + len(null))
    return Difference(
        estimate=estimate,
        low=low,
        high=high,
        p=p,
        test="mcnemar" if exact else "bootstrap",
        discordance=_discordance(pair),
        item_discordance=float(np.mean((left.item_means - right.item_means) ** 2)) / SCALE**2,
        seed_variance=sum(share * source.variance for source, share in sources),
        seed_noise=sum(share * source.noise for source, share in sources),
        seeds=min((source.degrees + 1 for source, _ in sources), default=1),
    )


def _seed_sources(pair: Pair) -> list[tuple[Spread, float]]:
    """The independent sources of variance between seeds, each with the factor by which its variance counts."""
    left, right = pair
    if left.seeds == right.seeds:
        sources = [(spread(left.values - right.values), 1 / len(left.seeds))]
    else:
        sources = [(spread(side.values), 1 / len(side.seeds)) for side in pair]
        if left.trained and right.trained:
            sources = [(pooled([source for source, _ in sources]), sum(share for _, share in sources))]
    return [(source, share) for source, share in sources if source.degrees]


def _seed_part(pair: Pair, settings: StatisticsSettings) -> np.ndarray:
    part = np.zeros(settings.resamples)
    for stream, (source, share) in enumerate(_seed_sources(pair)):
        part += seed_deviations(source, share, settings.resamples, settings.seed, stream)
    return part


def _discordance(pair: Pair) -> float:
    left, right = pair
    if left.seeds == right.seeds:
        squares = (left.values - right.values) ** 2
    else:
        squares = (left.values[:, None] - right.values[None]) ** 2
    return float(np.mean(squares)) / SCALE**2
