"""From a teacher's hidden states to the targets of a student's layer.

A target is M h / |h| (see `semantics.maps`), h being one teacher layer's state or, where the depths do not
divide, an interpolation of two adjacent layers (SemAlign, arXiv 2510.24208, section "layer pairing").

The paper announces an ablation over the strength of semantic decomposition and leaves it open: here, a state's
largest coefficients alone are recomposed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from semalign.config.signals import Alignment
from semalign.signals.semantics.bases import CHUNK
from semalign.signals.semantics.maps import (
    BasesPair,
    Shared,
    apply_map,
    build_bases_pair,
    build_map,
    fit_map,
)
from semalign.signals.semantics.strength import apply_strongest

if TYPE_CHECKING:
    from semalign.models.loading import Head

POSITIONS = 8192
NUMBERS = 1 << 24  # in a block of coefficients: 128 MB in float64


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


def make_targets(
    hidden: Mapping[int, Tensor],
    heads: tuple[Head, Head],
    shared: Shared,
    settings: Alignment,
    anchors: Mapping[int, tuple[Tensor, Tensor]] | None = None,
) -> tuple[dict[int, Tensor], dict[str, Tensor]]:
    """Student layer -> targets, from its teacher states `hidden` [positions, D_T]; and the maps by name.

    `heads` are the teacher's and the student's. `anchors` are what a fitted map is fitted to, both models' states
    by student layer; it is one map a layer then, else one map called `map`. With `settings.top` what is done to a
    state is not linear, and there is no map.
    """
    fold = settings.fold_final_norm
    seed = settings.seed
    if settings.top is not None:
        bases = build_bases_pair(settings.map, *heads, shared, fold_final_norm=fold, seed=seed)
        top = settings.top
        return {k: align_strongest(states, bases, shared, top) for k, states in hidden.items()}, {}
    if anchors is not None:
        fitted = {k: fit_map(settings.map, *anchors[k]) for k in hidden}
        maps = {f"layer.{k}": matrix for k, matrix in fitted.items()}
        return {k: map_states(states, fitted[k]) for k, states in hidden.items()}, maps
    matrix = build_map(settings.map, *heads, shared, fold_final_norm=fold, seed=seed)
    return {k: map_states(states, matrix) for k, states in hidden.items()}, {"map": matrix}


def map_states(hidden: Tensor, mapping: Tensor) -> Tensor:
    """Targets [positions, D_S] in float32 for teacher states [positions, D_T] and a map [D_S, D_T].

    Normalised and mapped in float64, POSITIONS at a time. Only a target's direction matters to the loss, and
    its length is kept. Raises ValueError when the widths do not fit.
    """
    if hidden.shape[-1] != mapping.shape[1]:
        raise ValueError(f"states of width {hidden.shape[-1]} and a map from width {mapping.shape[1]}")
    mapping = mapping.to(torch.float64)
    targets = torch.empty(len(hidden), mapping.shape[0], dtype=torch.float32, device=hidden.device)
    for start in range(0, len(hidden), POSITIONS):
        chunk = slice(start, start + POSITIONS)
        targets[chunk] = apply_map(mapping, hidden[chunk]).to(torch.float32)
    return targets


def align_strongest(hidden: Tensor, bases: BasesPair, shared: Shared, top: int) -> Tensor:
    """Targets [positions, D_S] in float32 of each state's `top` coefficients of the largest absolute value.

    Computed in float64, in blocks of positions that hold about NUMBERS coefficients whatever the vocabulary; the
    bases are streamed anew for every block.
    """
    size = max(1, min(POSITIONS, NUMBERS // (min(top, len(shared[0])) + CHUNK)))
    parts = [apply_strongest(block, bases, shared, top).to(torch.float32) for block in hidden.split(size)]
    return torch.cat(parts)


def shuffle(targets: Mapping[int, Tensor], seed: int) -> dict[int, Tensor]:
    """As a control, give every position the target of another one, over all examples: any of this distribution.

    One seeded permutation for all layers, so that the targets of one position stay together. It may leave
    positions where they are, one on average.
    """
    positions = len(next(iter(targets.values())))
    order = torch.randperm(positions, generator=torch.Generator().manual_seed(seed))
    return {layer: rows[order] for layer, rows in targets.items()}
