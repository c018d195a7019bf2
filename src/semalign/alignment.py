"""From a teacher's hidden states to the targets of a student's layer.

A target is M h / |h| (see `semantics.maps`), h being one teacher layer's state or, where the depths do not
divide, an interpolation of two adjacent layers (SemAlign, arXiv 2510.24208, section "layer pairing").
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from semalign.semantics.maps import apply_map

POSITIONS = 8192


def interpolate(states: Mapping[int, Tensor], below: int, above: int, weight: float) -> Tensor:
    """(1 - weight) h_below + weight h_above, [positions, width]; layers are numbered from 1.

    A layer of weight 0 need not be there. The states are mixed as they are, before any normalisation: the
    paper normalises once, when it decomposes.
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"interpolation weight {weight} is not between 0 and 1")
    if weight == 0:
        return states[below]
    if weight == 1:
        return states[above]
    return torch.lerp(states[below], states[above], weight)


def align_states(hidden: Tensor, mapping: Tensor) -> Tensor:
    """Targets [positions, D_S] in float32 for teacher states [positions, D_T] and a map [D_S, D_T].

    Normalised and mapped in float64, POSITIONS at a time. Only a target's direction matters to the loss, and
    its length is kept. Raises ValueError when the widths do not fit.
    """
    if hidden.shape[-1] != mapping.shape[1]:
        raise ValueError(f"states of width {hidden.shape[-1]} and a map from width {mapping.shape[1]}")
    mapping = mapping.to(torch.float64)
    targets = torch.empty(len(hidden), mapping.shape[0], dtype=torch.float32)
    for start in range(0, len(hidden), POSITIONS):
        chunk = slice(start, start + POSITIONS)
        targets[chunk] = apply_map(mapping, hidden[chunk]).to(torch.float32)
    return targets
