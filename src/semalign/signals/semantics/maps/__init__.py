"""Linear maps from a teacher's hidden space to a student's.

SemAlign (arXiv 2510.24208, section "latent semantic alignment") decomposes a teacher state into cosine coefficients on
the teacher's semantic bases, a = S_T^T h / |h|, and recomposes it with the student's bases, S_S a. Both steps are
linear, so target = M h / |h| with M = S_S S_T^T of shape [D_S, D_T]. M is computed once per pair in float64, streaming
over the tokens that both vocabularies share and both models were trained on; the V coefficients of a state are never
formed.

This module builds and applies maps by name. The maps are in the files of this folder:

- `from_bases`: maps made of two sets of bases; `strength` can restrict them to a state's largest coefficients.
- `from_heads`: other matrices made of the two LM heads.
- `from_states`: maps fitted to states of both models.

See `registry` for how to add one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from semalign.runtime.errors import UserError
from semalign.signals.semantics.parts import BasesPair, Shared
from semalign.signals.semantics.registry import BASES_MAPS, FITTED_MAPS, MAPS, rows_of

if TYPE_CHECKING:
    from semalign.models.loading import Head


def build_map(
    name: str, teacher: Head, student: Head, shared: Shared, *, fold_final_norm: bool = False, seed: int = 0
) -> Tensor:
    """The map called `name`, [D_S, D_T] in float64.

    `shared` holds the ids of the shared tokens in the teacher's and in the student's vocabulary, [tokens] each; those
    that a model was not trained on are left out. Raises UserError for an unknown name, if no token is left, or for ids
    beyond a head's rows, and ValueError for a map that is fitted to states.
    """
    if name in FITTED_MAPS:
        raise ValueError(f"map {name} is fitted to states, not made of heads")
    shared = trained_tokens(name, teacher, student, shared)
    _check_shared(teacher, student, shared)
    result = MAPS.load(name)(teacher, student, shared, fold_final_norm, seed)
    matrix: Tensor = result.matrix(shared) if isinstance(result, BasesPair) else result
    return matrix


def build_bases_pair(
    name: str, teacher: Head, student: Head, shared: Shared, *, fold_final_norm: bool = False, seed: int = 0
) -> BasesPair:
    """The bases of the map called `name`. Raises like `build_map`, and ValueError for a map without bases.

    They are requested for ids that `trained_tokens` keeps.
    """
    if name not in BASES_MAPS:
        raise ValueError(f"map {name} is not made of bases")
    _check_shared(teacher, student, shared)
    pair: BasesPair = MAPS.load(name)(teacher, student, shared, fold_final_norm, seed)
    return pair


def trained_tokens(name: str, teacher: Head, student: Head, shared: Shared) -> Shared:
    """The shared tokens whose rows were trained in both models, in the matrices that the map called `name` reads."""
    embedding = rows_of(name) == "embedding"
    rows = [head.input_rows if embedding else head.rows for head in (teacher, student)]
    kept = torch.ones(len(shared[0]), dtype=torch.bool)
    for ids, trained in zip(shared, rows, strict=True):
        if trained is not None:
            kept &= torch.isin(ids, trained)
    return (shared[0], shared[1]) if kept.all() else (shared[0][kept], shared[1][kept])


def _check_shared(teacher: Head, student: Head, shared: Shared) -> None:
    teacher_ids, student_ids = shared
    if len(teacher_ids) == 0 or len(teacher_ids) != len(student_ids):
        raise UserError(
            f"shared tokens: found {len(teacher_ids)} and {len(student_ids)}, expected equal numbers above zero"
        )
    for role, ids, head in (("teacher", teacher_ids, teacher), ("student", student_ids, student)):
        if int(ids.max()) >= len(head.weight):
            raise UserError(
                f"{role}: found token id {int(ids.max())}, expected ids below the LM head's {len(head.weight)} rows"
            )


def fit_map(name: str, teacher: Tensor, student: Tensor) -> Tensor:
    """Fit the map called `name` to states [positions, D_T] and [positions, D_S]; it is [D_S, D_T] in float64."""
    if name not in FITTED_MAPS:
        raise ValueError(f"map {name} is not fitted to states")
    matrix: Tensor = MAPS.load(name)(unit_states(teacher.to(torch.float64)), student.to(torch.float64))
    return matrix


def apply_map(mapping: Tensor, hidden: Tensor) -> Tensor:
    """Targets M h / |h| [..., D_S] of states h [..., D_T], in the map's precision; a zero state stays zero.

    See SemAlign, arXiv 2510.24208, section "latent semantic alignment".
    """
    return unit_states(hidden.to(mapping)) @ mapping.T


def unit_states(hidden: Tensor) -> Tensor:
    """h / |h|, [..., D]; a zero state stays zero."""
    return hidden / hidden.norm(dim=-1, keepdim=True).clamp_min(torch.finfo(hidden.dtype).tiny)
