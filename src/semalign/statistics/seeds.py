"""What the choice of training seeds adds to the uncertainty of a mean.

A handful of seeds says little of how much seeds vary, and a bootstrap over them takes the little for all: with
three seeds that differ by more than the items explain, the 95 % intervals of a hierarchical bootstrap cover
in 79 to 86 % of the studies, and tests built on it claim an effect that is not there in up to 19 %. So the
seeds' part is drawn from a normal, with the uncertain variance that a mixed model's two mean squares leave
(`seed_deviations`): Student's t where the seeds differ much, less where the items explain what they do.

Coverage and false positives are measured in tests/unit/statistics/test_coverage*.py. They hold the level from two seeds
on. The price is paid where seeds do not differ at all: three seeds then give intervals that cover in 98 to
99 % and are longer than need be (by 40 to 80 %), five in 97 to 99 % (by 10 to 30 %). Two seeds allow
intervals, but hardly ever a small p-value. Where two trained methods have different seeds, `pooled` learns
from both at once, at the price of an assumption: that their seeds vary alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Mean squares of `[seeds, items]`, a two-way analysis of variance without replication.

    `between` seeds, with `degrees` (seeds - 1) of freedom, and `residual` (0 for one item); both are 0 for
    one seed, which shows nothing.
    """

    between: float
    residual: float
    degrees: int
    items: int

    @property
    def variance(self) -> float:
        """Variance between seeds that item noise does not explain, without bias, so sometimes below 0."""
        return (self.between - self.residual) / self.items

    @property
    def noise(self) -> float:
        """Variance between the means of seeds that item noise explains."""
        return self.residual / self.items


def spread(values: np.ndarray) -> Spread:
    """The mean squares of one method, `[seeds, items]`."""
    seeds, items = values.shape
    if seeds < 2:
        return Spread(0.0, 0.0, 0, items)
    # The mean square between seeds expects residual + items x (variance of a seed): the mean over items of one seed
    # still has the noise of those items, divided by their number.
    between = items * float(values.mean(axis=1).var(ddof=1))
    if items < 2:
        return Spread(between, 0.0, seeds - 1, items)
    # What neither the seed nor the item explains, cell by cell. An item that is hard for every seed drops out here, so
    # the residual is the noise that a seed's mean has by itself.
    left = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    return Spread(between, float((left**2).sum()) / ((seeds - 1) * (items - 1)), seeds - 1, items)


def pooled(spreads: Sequence[Spread]) -> Spread:
    """One spread of methods on the same items whose seeds are taken to vary alike."""
    degrees = sum(own.degrees for own in spreads)
    if not degrees:
        return spreads[0]
    between, residual = (
        sum(own.degrees * getattr(own, name) for own in spreads) / degrees for name in ("between", "residual")
    )
    return Spread(between, residual, degrees, spreads[0].items)


def seed_deviations(own: Spread, share: float, resamples: int, seed: int, stream: int = 0) -> np.ndarray:
    """Draws of what the choice of seeds adds to a mean: `[resamples]`.

    With mean squares B between seeds and E of the residual, B / W - E with W ~ chi2(degrees) / degrees is
    what B and E leave open about items x the variance of a seed (generalised inference: Weerahandi,
    "Generalized Confidence Intervals", 1993; below 0 it counts as 0). Each deviation is normal with a fresh
    draw of that variance, times `share`: 1 / seeds for a mean over them. One seed adds nothing: its interval
    speaks of that one trained model only. `stream` tells apart methods whose seeds are independent.
    """
    if not own.degrees:
        return np.zeros(resamples)
    rng = np.random.default_rng([seed, own.degrees + 1, stream])
    # Why this looks like Student's t: the observed B is (true mean square) x W. Read backwards, the true one could be
    # B / W for any such W. With two degrees W is often near 0 and B / W huge: few seeds leave open that seeds vary far
    # more than these did. A normal with variance B / W is Student's t with as many degrees. Subtracting E makes it
    # less: only what exceeds the items' noise is the seeds' part, and it is 0 in many draws if B is no more than noise.
    known = rng.chisquare(own.degrees, resamples) / own.degrees
    variance = np.maximum(own.between / known - own.residual, 0.0) / own.items
    return np.asarray(rng.standard_normal(resamples) * np.sqrt(share * variance))
