"""The smallest difference that a paired comparison can be expected to detect."""

import math

from scipy.stats import norm

from semalign.statistics.scores import SCALE


def detectable_difference(
    discordance: float, items: int, *, alpha: float, power: float, seed_variance: float = 0.0
) -> float | None:
    """Smallest paired difference, in percent points, found with probability `power` at two-sided `alpha`.

    Normal approximation with the variance of the null for the test and that of the alternative for the power
    (Connor, Biometrics 43, 1987): delta = z_alpha sqrt(D / n + s) + z_power sqrt((D - delta^2) / n + s), n
    items. `discordance` D is the mean squared item difference as a share, seeds averaged first;
    `seed_variance` s (percent points squared) is what the seeds add to the variance of the difference.

    None where no item differed: nothing is then known about the spread.
    """
    if discordance <= 0.0:
        return None
    for_test, for_power = float(norm.ppf(1 - alpha / 2)), float(norm.ppf(power))
    spread = math.sqrt(discordance / items + seed_variance / SCALE**2)
    root = math.sqrt(max(0.0, 1 - (for_test**2 - for_power**2) / items))
    return SCALE * spread * (for_test + for_power * root) / (1 + for_power**2 / items)
