"""Simulated studies with a known truth, and which shares of hits among them are plausible."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import binom

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.scores import SCALE, Scores

SETTINGS = StatisticsSettings(resamples=1000)
CHANCE = 1e-3  # how often a test may fail for a well calibrated estimator, over seeds of the simulation
Truth = float


def probability(logit: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-logit)))


def answers(rng: np.random.Generator, logits: np.ndarray, samples: int = 1) -> np.ndarray:
    """Item scores in percent: right or wrong, or the share of several `samples` that is right."""
    return SCALE * rng.binomial(samples, probability(logits)) / samples


def scores(values: np.ndarray, first: int = 0, **kwargs: bool) -> Scores:
    return Scores(np.asarray(values, float), tuple(range(first, first + len(values))), **kwargs)


def studies(count: int, seed: int, draw: Callable[[np.random.Generator], Scores]) -> list[Scores]:
    rng = np.random.default_rng(seed)
    return [draw(rng) for _ in range(count)]


def plausible(hits: Sequence[bool] | np.ndarray, least: float, most: float) -> bool:
    """Whether a true share between `least` and `most` explains the number of hits, except with probability `CHANCE`."""
    count, trials = int(np.sum(hits)), len(hits)
    return bool(binom.ppf(CHANCE, trials, least) <= count <= binom.ppf(1 - CHANCE, trials, most))


def expected(level: float, spread: float) -> Truth:
    """Mean score in percent if the logits of items (and seeds) are normal, by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    return float(SCALE * weights @ probability(level + spread * nodes) / weights.sum())
