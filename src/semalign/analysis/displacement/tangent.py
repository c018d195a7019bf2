"""Tangent parts of displacements, their cosines with those of a reference method, and their sizes.

A displacement along the state itself changes its length, which the next layer's norm divides out again. Only the part
orthogonal to the state, the tangent part u - (u.h) h / |h|^2, is compared.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

TINY = torch.finfo(torch.float64).tiny


def tangent(displacement: Tensor, states: Tensor) -> Tensor:
    """The part of a displacement orthogonal to the state at the same position, [positions, width] in float64.

    At a state of zero, every direction is tangent.
    """
    displacement, states = displacement.double(), states.double()
    along = torch.linalg.vecdot(displacement, states) / states.square().sum(-1).clamp_min(TINY)
    return displacement - along[:, None] * states


def towards(targets: Tensor, states: Tensor) -> Tensor:
    """The tangent part of |h| t / |t| - h, [positions, width], for targets t of a cosine loss and states h.

    A cosine gives no length. The target is therefore taken as long as the state; the size of the result, relative to
    the state, is the sine of the angle between the two.
    """
    return tangent(unit(targets) * states.double().norm(dim=-1, keepdim=True), states)


def unit(vectors: Tensor) -> Tensor:
    """Vectors of length 1 in float64; a vector of zeros stays one."""
    vectors = vectors.double()
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(TINY)


def sizes(displacement: Tensor, states: Tensor) -> Tensor:
    """|u| / |h| at each position, [positions], for displacements u and states h [positions, width]."""
    return displacement.double().norm(dim=-1) / states.double().norm(dim=-1).clamp_min(TINY)


class Reference:
    """The tangent displacements of a reference method's seeds at one layer: seed -> [positions, width]."""

    def __init__(self, displacements: Mapping[int, Tensor]) -> None:
        self.units = {seed: unit(rows) for seed, rows in displacements.items()}

    def seeds_for(self, seed: int | None, itself: bool = False) -> list[int]:
        """The seeds that a displacement of training seed `seed` is compared with (None: a target, with all of them).

        Runs of one seed share their initial adapter and the order of the examples, so they are not compared if the
        reference has other seeds. `itself` is the reference's own run, which is never compared with itself.
        """
        others = [other for other in self.units if other != seed]
        return others if others or itself else list(self.units)

    def cosines(self, displacement: Tensor, seeds: Sequence[int]) -> Tensor:
        """The mean over `seeds` of the cosine with the reference, [positions]; NaN without seeds.

        A displacement of zero has no direction; its cosine counts as 0.
        """
        if not seeds:
            return torch.full(displacement.shape[:1], torch.nan, dtype=torch.float64)
        mean = torch.stack([self.units[seed] for seed in seeds]).mean(dim=0)
        return torch.linalg.vecdot(unit(displacement), mean)
