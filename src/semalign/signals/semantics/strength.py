"""Strength of semantic decomposition: recompose only the largest coefficients of each state.

SemAlign (arXiv 2510.24208) announces an ablation over this strength without defining it. Here each state keeps the n
coefficients of a = A h / |h| that are largest in absolute value, and the student's bases recompose only those. Which
tokens are kept depends on the state, so the operation is not a matrix.
"""

import torch
from torch import Tensor

from semalign.signals.semantics.bases import Bases
from semalign.signals.semantics.maps import unit_states
from semalign.signals.semantics.parts import BasesPair, Shared


def apply_strongest(hidden: Tensor, bases: BasesPair, shared: Shared, top: int) -> Tensor:
    """Targets [positions, D_S] in float64: the sum of a_i b_i over a state's `top` largest |a_i|, a = A h / |h|.

    If `top` is at least the number of shared tokens, this is the full map. Ties at the cut-off are broken arbitrarily.
    At most top + CHUNK coefficients per position are held at a time.
    """
    return recompose_kept(*strongest(hidden, bases.teacher, shared[0], top), bases.student, shared[1])


def strongest(hidden: Tensor, bases: Bases, ids: Tensor, top: int) -> tuple[Tensor, Tensor]:
    """The `top` coefficients of h / |h| on the bases of the tokens `ids` that are largest in absolute value, unsorted.

    For states `hidden` [positions, D], returns coefficients in float64 and their tokens' indices into `ids`,
    [positions, top] each, or all of them if `top` is larger than their number.
    """
    directions = unit_states(hidden.to(torch.float64))
    values = torch.empty(len(directions), 0, dtype=torch.float64)
    tokens = torch.empty(len(directions), 0, dtype=torch.long)
    first = 0
    for rows in bases.chunks(ids):
        values = torch.cat([values, directions @ rows.T], dim=1)
        new = torch.arange(first, first + len(rows)).expand(len(directions), -1)
        tokens = torch.cat([tokens, new], dim=1)
        kept = values.abs().topk(min(top, values.shape[1]), dim=1, sorted=False).indices
        values = values.gather(1, kept)
        tokens = tokens.gather(1, kept)
        first += len(rows)
    return values, tokens


def coefficients(hidden: Tensor, bases: Bases, ids: Tensor) -> Tensor:
    """All coefficients a = A h / |h| [positions, tokens] in float64 of states [positions, D], in the order of `ids`."""
    directions = unit_states(hidden.to(torch.float64))
    return torch.cat([directions @ rows.T for rows in bases.chunks(ids)], dim=1)


def recompose_kept(coefficients: Tensor, places: Tensor, bases: Bases, ids: Tensor) -> Tensor:
    """Sum of a_i b_i [positions, D] in float64 over the coefficients that each position keeps.

    `coefficients` and `places` are [positions, kept]; places are indices into `ids`, whose bases are added up.
    """
    total: Tensor | None = None
    first = 0
    for rows in bases.chunks(ids):
        here = (places >= first) & (places < first + len(rows))
        kept = torch.zeros(len(coefficients), len(rows), dtype=torch.float64)
        kept.scatter_add_(1, torch.where(here, places - first, 0), torch.where(here, coefficients, 0))
        part = kept @ rows
        total = part if total is None else total.add_(part)
        first += len(rows)
    if total is None:
        raise ValueError("no bases to recompose with")
    return total
