"""Linear maps from a teacher's hidden space to a student's, made from the two vocabularies alone.

SemAlign (arXiv 2510.24208, section "latent semantic alignment") decomposes a teacher state into cosine
coefficients on the teacher's semantic bases, a = S_T^T h / |h|, and recomposes with the student's, S_S a.
Both steps are linear, so target = M h / |h| with M = S_S S_T^T of shape [D_S, D_T]. M is made once for a
pair, in float64, streaming over the tokens both vocabularies have; a token's V coefficients are never formed.

Every map takes (teacher head, student head, (teacher ids, student ids), fold_final_norm, seed). Most are made of
two sets of bases, a `BasesPair`, which also serves to keep a state's largest coefficients only
(`strength`); the others give their matrix. Maps that need data are in `fitted`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from semalign.runtime.errors import UserError
from semalign.signals.semantics.bases import (
    Bases,
    RowBases,
    input_bases,
    inverse_gram,
    output_bases,
    random_bases,
    stream,
)
from semalign.signals.semantics.registry import BASES_MAPS, FITTED_MAPS, load_map

if TYPE_CHECKING:
    from semalign.models.loading import Head

Shared = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class BasesPair:
    """A map as its two steps: coefficients a = A h / |h| on the teacher's side, target = B^T a on the student's.

    Row i of A [tokens, D_T] and of B [tokens, D_S] belong to the i-th shared token; both are streamed.
    """

    teacher: Bases
    student: Bases

    def matrix(self, shared: Shared) -> Tensor:
        """Both steps at once, M = B^T A of shape [D_S, D_T]."""
        return _cross(self.student.chunks(shared[1]), self.teacher.chunks(shared[0]))


def build_map(
    name: str, teacher: Head, student: Head, shared: Shared, *, fold_final_norm: bool = False, seed: int = 0
) -> Tensor:
    """The map called `name`, [D_S, D_T] in float64.

    `shared` holds the ids of the same tokens in the teacher's and in the student's vocabulary, [tokens] each.
    Raises UserError for an unknown name, for no shared token and for ids that a head has no row for, and
    ValueError for a map that is fitted to data.
    """
    if name in FITTED_MAPS:
        raise ValueError(f"map {name} is fitted to states, not made of heads")
    _check_shared(teacher, student, shared)
    result = load_map(name)(teacher, student, shared, fold_final_norm, seed)
    matrix: Tensor = result.matrix(shared) if isinstance(result, BasesPair) else result
    return matrix


def build_bases_pair(
    name: str, teacher: Head, student: Head, shared: Shared, *, fold_final_norm: bool = False, seed: int = 0
) -> BasesPair:
    """The bases behind the map called `name`; raises as `build_map`, and ValueError for a map without bases."""
    if name not in BASES_MAPS:
        raise ValueError(f"map {name} is not made of bases")
    _check_shared(teacher, student, shared)
    pair: BasesPair = load_map(name)(teacher, student, shared, fold_final_norm, seed)
    return pair


def _check_shared(teacher: Head, student: Head, shared: Shared) -> None:
    teacher_ids, student_ids = shared
    if len(teacher_ids) == 0 or len(teacher_ids) != len(student_ids):
        raise UserError(
            f"shared tokens: found {len(teacher_ids)} and {len(student_ids)}, expected equal, not zero"
        )
    for role, ids, head in (("teacher", teacher_ids, teacher), ("student", student_ids, student)):
        if int(ids.max()) >= len(head.weight):
            raise UserError(
                f"{role}: token id {int(ids.max())} has no row in a head of {len(head.weight)} rows"
            )


def fit_map(name: str, teacher: Tensor, student: Tensor) -> Tensor:
    """The fitted map called `name`, [D_S, D_T] in float64, for states [positions, D_T] and [positions, D_S]."""
    if name not in FITTED_MAPS:
        raise ValueError(f"map {name} is not fitted to states")
    matrix: Tensor = load_map(name)(unit_states(teacher.to(torch.float64)), student.to(torch.float64))
    return matrix


def apply_map(mapping: Tensor, hidden: Tensor) -> Tensor:
    """target = M h / |h|: [..., D_T] to [..., D_S], in the map's precision; a zero state stays zero."""
    return unit_states(hidden.to(mapping)) @ mapping.T


def unit_states(hidden: Tensor) -> Tensor:
    """h / |h|, [..., D]; a zero state stays zero."""
    return hidden / hidden.norm(dim=-1, keepdim=True).clamp_min(torch.finfo(hidden.dtype).tiny)


def _cross(student_rows: Iterable[Tensor], teacher_rows: Iterable[Tensor]) -> Tensor:
    """Sum over tokens of (student row) (teacher row)^T, chunk by chunk: [D_S, D_T]."""
    # some 10^5 terms of either sign per entry: in float64 their rounding stays far below the float32 of stored targets
    total: Tensor | None = None
    for student_chunk, teacher_chunk in zip(student_rows, teacher_rows, strict=True):
        if total is None:
            total = student_chunk.T @ teacher_chunk
        else:
            total.addmm_(student_chunk.T, teacher_chunk)  # without a product beside it
    if total is None:
        raise ValueError("no rows to add up")
    return total


def pinv(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> BasesPair:
    """The paper's map: unit columns of each side's pinv(H)."""
    return BasesPair(output_bases(teacher, fold_final_norm=fold), output_bases(student, fold_final_norm=fold))


def pinv_raw(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> BasesPair:
    """As the paper's, with the columns' own lengths."""
    return BasesPair(
        output_bases(teacher, fold_final_norm=fold, unit=False),
        output_bases(student, fold_final_norm=fold, unit=False),
    )


def input_side(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> BasesPair:
    """Unit rows of the input embeddings in place of pinv(H)."""
    return BasesPair(input_bases(teacher, fold_final_norm=fold), input_bases(student, fold_final_norm=fold))


def random(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> BasesPair:
    """Independent random unit bases on both sides: a map of the same kind that carries nothing."""
    return BasesPair(random_bases(teacher, seed=2 * seed), random_bases(student, seed=2 * seed + 1))


def dual(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> BasesPair:
    """pinv(H_S) H_T over the shared rows: the student state whose logits come closest to the teacher's.

    These are the coefficients of the dual frame, a = H_T h / |h|: the logits that the teacher's head gives the
    state's direction. They recompose with the columns of pinv(H_S). With teacher = student the map is the
    identity.
    """
    gains = _gains(teacher, student, fold)
    inverse = inverse_gram(student.weight, gains[1], shared[1])
    return BasesPair(
        RowBases(teacher.weight, gains[0], None, unit=False),
        RowBases(student.weight, gains[1], inverse, unit=False),
    )


def vocabulary_least_squares(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> Tensor:
    """The matrix that takes the teacher's centred head rows closest to the student's: C_ST pinv(C_TT)."""
    gains = _gains(teacher, student, fold)
    # the heads are streamed twice, for the means and for the products: centring after the fact (C - n m m^T) would
    # subtract two large numbers, since head rows have a common direction
    means = [
        sum(rows.sum(dim=0) for rows in stream(head.weight, gain, ids)) / len(ids)
        for head, gain, ids in zip((teacher, student), gains, shared, strict=True)
    ]

    def centred(side: int, head: Head) -> Iterable[Tensor]:
        return (rows - means[side] for rows in stream(head.weight, gains[side], shared[side]))

    across = _cross(centred(1, student), centred(0, teacher))
    within = _cross(centred(0, teacher), centred(0, teacher))
    return across @ torch.linalg.pinv(within, hermitian=True)


def identity(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> Tensor:
    """No map: the first channels are kept, missing ones are zero."""
    return torch.eye(student.weight.shape[1], teacher.weight.shape[1], dtype=torch.float64)


def _gains(teacher: Head, student: Head, fold: bool) -> tuple[Tensor | None, Tensor | None]:
    return (teacher.norm_gain, student.norm_gain) if fold else (None, None)
