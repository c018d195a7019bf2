"""Turn a teacher's hidden states into the targets of a student's layer.

A target is M h / |h| (see `semantics.maps`). Here h is the state of one teacher layer or, if L_T / L_S is not a whole
number, an interpolation of two adjacent layers (SemAlign, arXiv 2510.24208, section "layer pairing").

The paper announces an ablation over the strength of semantic decomposition without defining it. Here, `alignment.top`
recomposes only the largest coefficients of each state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from semalign.config.signals import Alignment
from semalign.signals.pairing import LayerPair
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
NUMBERS = 1 << 24  # coefficients per block: 128 MB in float64


def interpolate(states: Mapping[int, Tensor], below: int, above: int, weight: float) -> Tensor:
    """(1 - weight) h_below + weight h_above, [positions, width] (SemAlign, arXiv 2510.24208, "layer pairing").

    Layers are numbered from 1; one with weight 0 may be missing from `states`. The states are mixed before any
    normalisation, since the paper normalises only in the decomposition. Raises ValueError for a weight outside [0, 1].
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"interpolation weight {weight} is not between 0 and 1")
    if weight == 0:
        return states[below]
    if weight == 1:
        return states[above]
    return torch.lerp(states[below], states[above], weight)


def counterparts(states: Mapping[int, Tensor], pairs: Sequence[LayerPair]) -> dict[int, Tensor]:
    """The teacher states [positions, D_T] that each paired student layer's target is made from, by student layer."""
    return {pair.student: interpolate(states, pair.below, pair.above, pair.weight) for pair in pairs}


def make_targets(
    hidden: Mapping[int, Tensor],
    heads: tuple[Head, Head],
    shared: Shared,
    settings: Alignment,
    anchors: Mapping[int, tuple[Tensor, Tensor]] | None = None,
) -> tuple[dict[int, Tensor], dict[str, Tensor]]:
    """Make the targets of every paired student layer, and the maps that they were made with.

    `hidden` maps student layers to teacher states [positions, D_T]; `heads` are the LM heads of teacher and student.
    `anchors` maps student layers to both models' states, to which a fitted map is fitted.

    Returns targets [positions, D_S] by student layer, and matrices [D_S, D_T] by name: `layer.<k>` for a map fitted
    per layer, otherwise a single `map`. With `settings.top` the operation is not linear, so there is no matrix.
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

    Computed in float64, POSITIONS positions at a time. Targets are not normalised: the loss depends only on their
    direction. Raises ValueError if the widths do not match.
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
    """Targets [positions, D_S] in float32, recomposed from each state's `top` coefficients largest in absolute value.

    Computed in float64, in blocks of positions with about NUMBERS coefficients whatever the size of the vocabulary.
    The bases are streamed again for every block.
    """
    size = max(1, min(POSITIONS, NUMBERS // (min(top, len(shared[0])) + CHUNK)))
    parts = [apply_strongest(block, bases, shared, top).to(torch.float32) for block in hidden.split(size)]
    return torch.cat(parts)


def shuffle(targets: Mapping[int, Tensor], seed: int) -> dict[int, Tensor]:
    """Control: permute the targets over the positions of all examples, which keeps only their distribution.

    All layers share one seeded permutation, so that the targets of one position stay together. A position may keep its
    own target; on average, one does.
    """
    positions = len(next(iter(targets.values())))
    order = torch.randperm(positions, generator=torch.Generator().manual_seed(seed))
    return {layer: rows[order] for layer, rows in targets.items()}
