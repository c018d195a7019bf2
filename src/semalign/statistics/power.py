"""The smallest difference that a paired comparison can be expected to detect."""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2, norm

from semalign.statistics.scores import SCALE


def detectable_difference(
    discordance: float,
    items: int,
    *,
    alpha: float,
    power: float,
    seed_variance: float = 0.0,
    seed_noise: float = 0.0,
    seeds: int = 1,
) -> float | None:
    """Smallest paired difference, in percent points, found with probability `power` at two-sided `alpha`.

    With one seed, normal approximation with the variance of the null for the test and that of the
    alternative for the power (Connor, Biometrics 43, 1987): delta = z_alpha sqrt(D / n + s) + z_power
    sqrt((D - delta^2) / n + s), n items. `discordance` D is the mean squared item difference as a share,
    seeds averaged first; `seed_variance` s (percent points squared) is what the seeds add to the variance of
    the difference (an estimate below 0 counts as 0).

    With several `seeds` the test must learn s from them, and its critical value is drawn as the test draws
    it (`seeds.seed_deviations`), from mean squares that vary as they do with so few seeds; `seed_noise`
    (percent points squared) is the part of the variance between seeds' means that item noise explains.

    None where no item differed (nothing is then known about the spread), or where even a difference of 100
    points would be missed too often.
    """
    if discordance <= 0.0:
        return None
    seed_variance = max(0.0, seed_variance)
    if seeds > 1:
        return _with_seeds(discordance, items, alpha, power, (seed_variance, seed_noise, seeds))
    for_test, for_power = float(norm.ppf(1 - alpha / 2)), float(norm.ppf(power))
    spread = math.sqrt(discordance / items + seed_variance / SCALE**2)
    root = math.sqrt(max(0.0, 1 - (for_test**2 - for_power**2) / items))
    return SCALE * spread * (for_test + for_power * root) / (1 + for_power**2 / items)


def _with_seeds(
    discordance: float, items: int, alpha: float, power: float, seeds: tuple[float, float, int]
) -> float | None:
    spread, noise, count = seeds
    critical = _critical_values(SCALE**2 * discordance / items, alpha, spread, noise, count)

    def missing(delta: float) -> float:
        left = max(0.0, SCALE**2 * discordance - delta**2) / items
        deviation = math.sqrt(left + spread) or 1e-9
        detected = norm.sf((critical - delta) / deviation) + norm.cdf((-critical - delta) / deviation)
        return power - float(np.mean(detected))

    return float(brentq(missing, 0.0, SCALE)) if missing(SCALE) <= 0 < missing(0.0) else None


def _critical_values(item: float, alpha: float, spread: float, noise: float, seeds: int) -> np.ndarray:
    """Where the test's null distribution leaves `alpha` outside, for typical draws of the mean square."""
    degrees = seeds - 1
    shares = (np.arange(40) + 0.5) / 40
    between = (noise + spread) * chi2.ppf(shares, degrees) / degrees
    grid = (np.arange(600) + 0.5) / 600  # cubed: points crowd at 0, where the null's tails come from
    weights = 3 * grid**2 / 600
    known = chi2.ppf(grid**3, degrees) / degrees
    deviation = np.sqrt(item + np.maximum(between[:, None] / known - noise, 0.0))
    low, high = np.zeros(len(between)), np.full(len(between), 1e6)
    for _ in range(60):
        middle = (low + high) / 2
        outside = (2 * norm.sf(middle[:, None] / deviation)) @ weights > alpha
        low, high = np.where(outside, middle, low), np.where(outside, high, middle)
    return (low + high) / 2
