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
    """Smallest paired difference, in percentage points, detected with probability `power` at two-sided `alpha`.

    With one seed, this is a normal approximation with the variance under the null for the test and the variance under
    the alternative for the power (Connor, Biometrics 43, 1987): delta = z_alpha sqrt(D / n + s) + z_power
    sqrt((D - delta^2) / n + s) for n items. `discordance` D is the mean squared item difference (scores as shares),
    seeds averaged first. `seed_variance` s (percentage points squared) is what the seeds add to the variance of
    the difference; an estimate below 0 counts as 0.

    With several `seeds` the test must estimate s from them. Its critical value then comes from the distribution that
    the test uses (`seeds.seed_deviations`) and depends on the observed mean square between seeds. The power is averaged
    over the mean squares that this number of seeds may yield. `seed_noise` (percentage points squared) is the part of
    the variance between the seeds' means that item noise explains.

    The result is None if no item differed (nothing is then known about the spread), or if even a difference of 100
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
    """Critical values `[40]` of the test, one per quantile of the mean square between seeds, in percentage points.

    Outside of +- a critical value the test's null distribution has the probability `alpha`. `item`, `spread` and
    `noise` are variances in percentage points squared.
    """
    degrees = seeds - 1
    shares = (np.arange(40) + 0.5) / 40
    between = (noise + spread) * chi2.ppf(shares, degrees) / degrees
    # The grid is cubed below: small quantiles make the tails of the null distribution, so points are dense there.
    grid = (np.arange(600) + 0.5) / 600
    weights = 3 * grid**2 / 600
    known = chi2.ppf(grid**3, degrees) / degrees
    deviation = np.sqrt(item + np.maximum(between[:, None] / known - noise, 0.0))
    low, high = np.zeros(len(between)), np.full(len(between), 1e6)
    for _ in range(60):  # bisection, for all quantiles at once
        middle = (low + high) / 2
        outside = (2 * norm.sf(middle[:, None] / deviation)) @ weights > alpha
        low, high = np.where(outside, middle, low), np.where(outside, high, middle)
    return (low + high) / 2
