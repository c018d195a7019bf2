"""The contribution of the training seeds to the uncertainty of a mean.

A few seeds tell little about how much seeds vary, and a bootstrap over them ignores this. With three seeds that differ
by more than the items explain, the 95 % intervals of a hierarchical bootstrap cover the true value in only 79 to 86 %
of simulated studies, and tests based on it claim an effect that does not exist in up to 19 %. Therefore the seeds'
contribution is drawn from a normal distribution whose variance is itself uncertain, as the two mean squares of a mixed
model leave it (`seed_deviations`). This is close to Student's t if the seeds differ much, and narrower if item noise
explains their differences.

tests/unit/statistics/test_coverage*.py measure coverage and false positives. Both keep their level from two seeds on.
The method is conservative if seeds do not differ at all: with three seeds, intervals then cover in 98 to 99 % and are
longer than necessary (by 40 to 80 %), with five in 97 to 99 % (by 10 to 30 %). Two seeds allow
intervals, but hardly ever a small p-value. If two trained methods have different seeds, `pooled` estimates one spread
from both, on the assumption that it is the same for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Mean squares of scores `[seeds, items]`, from a two-way analysis of variance without replication.

    `between` is the mean square between seeds, with `degrees` (seeds - 1) degrees of freedom; `residual` is the
    residual mean square (0 for one item). Both are 0 for one seed, which shows no spread.
    """

    between: float
    residual: float
    degrees: int
    items: int

    @property
    def variance(self) -> float:
        """Variance between seeds that item noise does not explain; the estimate is unbiased, so it may be below 0."""
        return (self.between - self.residual) / self.items

    @property
    def noise(self) -> float:
        """Variance between the seeds' means that item noise explains."""
        return self.residual / self.items


def spread(values: np.ndarray) -> Spread:
    """The mean squares of one method, `[seeds, items]`."""
    seeds, items = values.shape
    if seeds < 2:
        return Spread(0.0, 0.0, 0, items)
    # The expected mean square between seeds is residual + items x (variance between seeds): one seed's mean over items
    # still contains the noise of those items, divided by their number.
    between = items * float(values.mean(axis=1).var(ddof=1))
    if items < 2:
        return Spread(between, 0.0, seeds - 1, items)
    # The part of each score that neither its seed nor its item explains. An item that is hard for every seed drops out,
    # so the residual is the noise that a seed's mean has in any case.
    left = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    return Spread(between, float((left**2).sum()) / ((seeds - 1) * (items - 1)), seeds - 1, items)


def pooled(spreads: Sequence[Spread]) -> Spread:
    """One spread of several methods on the same items, assuming that they vary equally with the seed."""
    degrees = sum(own.degrees for own in spreads)
    if not degrees:
        return spreads[0]
    between, residual = (
        sum(own.degrees * getattr(own, name) for own in spreads) / degrees for name in ("between", "residual")
    )
    return Spread(between, residual, degrees, spreads[0].items)


def seed_deviations(own: Spread, share: float, resamples: int, seed: int, stream: int = 0) -> np.ndarray:
    """Draws of the contribution of the choice of seeds to a mean: `[resamples]`.

    With the mean squares B between seeds and E of the residual, B / W - E with W ~ chi2(degrees) / degrees is
    the distribution of items x (variance between seeds) that B and E leave open (generalised inference: Weerahandi,
    "Generalized Confidence Intervals", 1993; below 0 it counts as 0). Each deviation is normal with a new
    draw of that variance, times `share`, which is 1 / seeds for a mean over seeds. One seed adds nothing: its interval
    is about that one trained model only. `stream` distinguishes methods whose seeds are independent.
    """
    if not own.degrees:
        return np.zeros(resamples)
    rng = np.random.default_rng([seed, own.degrees + 1, stream])
    # Why this resembles Student's t: the observed B is (true mean square) x W. Conversely, the true one could be B / W
    # for any such W. With two degrees of freedom W is often near 0 and B / W huge: after few seeds, the seeds may vary
    # far more than those observed. A normal distribution with variance B / W is Student's t with the same degrees of
    # freedom. Subtracting E narrows it: only the variance beyond item noise is due to the seeds, and it is 0 in many
    # draws if B is mostly noise.
    known = rng.chisquare(own.degrees, resamples) / own.degrees
    variance = np.maximum(own.between / known - own.residual, 0.0) / own.items
    return np.asarray(rng.standard_normal(resamples) * np.sqrt(share * variance))
