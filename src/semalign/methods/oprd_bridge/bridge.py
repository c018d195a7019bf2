"""The frozen bridge of one layer pair: two projections onto the same few dimensions.

The teacher's states h_T have coordinates P_T (h_T - mu), with P_T the top principal directions of its centred states.
P_S, a linear map without bias, predicts them from the student's states h_S (OPRD, arXiv 2606.06021).

OPRD trains P_S by AdamW for some epochs, with a tenth of the data for validation. Here P_S is the solution of a ridge
regression, which minimises the same squared error and needs no schedule. The strength of the ridge is the one of RIDGES
that predicts best on a tenth of the examples, which are not in the regression. All sums are in float64, POSITIONS
positions at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from semalign.runtime.errors import UserError

POSITIONS = 8192
RIDGES = tuple(10.0**-k for k in range(1, 9))  # in units of the mean squared channel of the student's states
EACH = 10  # every tenth example is held out


@dataclass(frozen=True)
class Bridge:
    """Both sides of a bridge, with the numbers that say how good it is.

    `projection` is P_S [rank, D_S]; `coordinates` [positions, rank] are the teacher's, both float32. `variance` is the
    mean squared length of the coordinates, `explained` its share in the variance of the teacher's states. `predicted`
    is the share of the coordinates' squared length that P_S predicts on the held-out examples (R^2), with `ridge`.
    """

    projection: Tensor
    coordinates: Tensor
    variance: float
    explained: float
    predicted: float
    ridge: float

    def distance(self, states: Tensor, coordinates: Tensor) -> Tensor:
        """Mean squared distance of projected states [rows, D_S] from coordinates [rows, rank], over the variance.

        It is 1 for a projection that only predicts the mean.
        """
        projected = states.float() @ self.projection.to(states.device).T
        return (projected - coordinates.to(states.device)).square().sum(-1).mean() / self.variance


def build_bridge(own: Tensor, taught: Tensor, held_out: Tensor, rank: int) -> Bridge:
    """Fit the bridge between the student's states [positions, D_S] and the teacher's [positions, D_T].

    `held_out` [positions] is true for the positions that choose the ridge. Raises UserError if the teacher's states
    have fewer than `rank` channels or do not vary, or if the student's are all zero.
    """
    mean, directions, share = principal(taught, rank)
    parts = [((chunk.double() - mean) @ directions.T).float() for chunk in taught.split(POSITIONS)]
    coordinates = torch.cat(parts)
    fitted, held = (Moments.of(own, coordinates, rows) for rows in (~held_out, held_out))
    if not fitted.xx.any():
        raise UserError("oprd-bridge: found student states that are all zero, expected others")
    solutions = dict(zip(RIDGES, solve(fitted), strict=True))
    predicted = {ridge: held.predicted(solution) for ridge, solution in solutions.items()}
    best = max(predicted, key=lambda ridge: predicted[ridge])
    variance = float(coordinates.double().square().sum() / len(coordinates))
    return Bridge(solutions[best].float(), coordinates, variance, share, predicted[best], best)


def principal(states: Tensor, rank: int) -> tuple[Tensor, Tensor, float]:
    """Mean [width] and top principal directions [rank, width] of states [positions, width], in float64.

    Also returns the share of the variance in these directions. Raises UserError as `build_bridge`.
    """
    width = states.shape[-1]
    if rank > width:
        raise UserError(f"rank: found {rank}, expected at most the width of the teacher's states, {width}")
    mean = torch.stack([chunk.double().sum(0) for chunk in states.split(POSITIONS)]).sum(0) / len(states)
    covariance = torch.zeros(width, width, dtype=torch.float64)
    for chunk in states.split(POSITIONS):
        centred = chunk.double() - mean
        covariance += centred.T @ centred / len(states)
    values, vectors = torch.linalg.eigh(covariance)
    if not values.sum() > 0:
        raise UserError(
            f"oprd-bridge: found {len(states)} teacher states that are all equal, expected others"
        )
    top = vectors[:, -rank:].flip(1).T
    return mean, top, float(values[-rank:].sum() / values.sum())


@dataclass(frozen=True)
class Moments:
    """Sums of products of states x and coordinates y: x x^T [D_S, D_S], x y^T [D_S, rank] and |y|^2."""

    xx: Tensor
    xy: Tensor
    yy: float

    @staticmethod
    def of(states: Tensor, coordinates: Tensor, rows: Tensor) -> "Moments":
        """The moments of the selected rows, in float64."""
        xx = torch.zeros(states.shape[-1], states.shape[-1], dtype=torch.float64)
        xy = torch.zeros(states.shape[-1], coordinates.shape[-1], dtype=torch.float64)
        yy = 0.0
        for x, y in _chunks(states, coordinates, rows):
            xx += x.T @ x
            xy += x.T @ y
            yy += float(y.square().sum())
        return Moments(xx, xy, yy)

    def predicted(self, projection: Tensor) -> float:
        """1 - sum |P x - y|^2 / sum |y|^2 for a projection P [rank, D_S]."""
        errors = self.yy - 2 * (projection.T * self.xy).sum() + ((projection @ self.xx) * projection).sum()
        return float(1 - errors / self.yy) if self.yy else 0.0


def _chunks(states: Tensor, coordinates: Tensor, rows: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    parts = zip(states.split(POSITIONS), coordinates.split(POSITIONS), rows.split(POSITIONS), strict=True)
    for x, y, chosen in parts:
        yield x[chosen].double(), y[chosen].double()


def solve(moments: Moments) -> list[Tensor]:
    """One projection [rank, D_S] per ridge of RIDGES, all from one eigendecomposition."""
    values, vectors = torch.linalg.eigh(moments.xx)
    values = values.clamp_min(0)
    rotated = vectors.T @ moments.xy
    return [(vectors @ (rotated / (values + ridge * values.mean())[:, None])).T for ridge in RIDGES]


def held_out_positions(offsets: Tensor) -> Tensor:
    """True for the positions of every tenth example, or of the last one if there are fewer; [positions].

    `offsets` [examples + 1] say where the examples begin. Raises UserError for a single example.
    """
    examples = len(offsets) - 1
    if examples < 2:
        raise UserError(
            f"oprd-bridge: found {examples} train example, expected at least 2: one is held out to fit the bridge"
        )
    chosen = [i for i in range(examples) if i % EACH == EACH - 1] or [examples - 1]
    held_out = torch.zeros(int(offsets[-1]), dtype=torch.bool)
    for i in chosen:
        held_out[int(offsets[i]) : int(offsets[i + 1])] = True
    return held_out
