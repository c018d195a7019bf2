"""Families of bases as operators that decompose a state and recompose it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from semalign.signals.semantics.bases import build_bases, frame_operator, inverse_gram, stream

if TYPE_CHECKING:
    from semalign.models.loading import Head

UNFOLDABLE = ("random",)


@dataclass(frozen=True)
class Frame:
    """One family of bases as its operator K [D, D], float64."""

    bases: str
    folded: bool
    operator: Tensor

    def deviation(self) -> float:
        """The largest absolute entry of K - 1; zero if recomposition is exact."""
        return float((self.operator - torch.eye(len(self.operator)).to(self.operator)).abs().max())

    def isotropic(self) -> float:
        """tr K / sqrt(D tr K^2): approximately the cosine of a random direction."""
        trace = self.operator.trace()
        return float(trace / (len(self.operator) * (self.operator**2).sum()).sqrt())


def build_frames(head: Head, bases: Sequence[str], seed: int = 0) -> list[Frame]:
    """Every family, without and with the final norm's gain folded in (random bases only without)."""
    return [
        Frame(name, fold, frame_operator(build_bases(name, head, fold_final_norm=fold, seed=seed)))
        for name in bases
        for fold in ((False,) if name in UNFOLDABLE else (False, True))
    ]


def dual_frame(head: Head) -> Frame:
    """pinv(H) H, computed in chunks of trained rows: the dual frame's coefficients reconstruct every state exactly."""
    inverse = inverse_gram(head.weight, tokens=head.rows)
    operator = torch.zeros_like(inverse)
    for rows in stream(head.weight, tokens=head.rows):
        operator += (rows @ inverse).T @ rows
    return Frame("dual", False, operator)
