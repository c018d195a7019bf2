"""Linear maps from a teacher's hidden space to a student's, made from the two vocabularies alone.

SemAlign (arXiv 2510.24208, section "latent semantic alignment") decomposes a teacher state into cosine
coefficients on the teacher's semantic bases, a = S_T^T h / |h|, and recomposes with the student's, S_S a.
Both steps are linear, so target = M h / |h| with M = S_S S_T^T of shape [D_S, D_T]. M is made once for a
pair, in float64, streaming over the tokens both vocabularies have; a token's V coefficients are never formed.

Every map takes (teacher head, student head, (teacher ids, student ids), fold_final_norm, seed).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from semalign.errors import UserError
from semalign.semantics.bases import (
    Bases,
    RowBases,
    input_bases,
    inverse_gram,
    output_bases,
    random_bases,
    stream,
)
from semalign.semantics.registry import load_map

if TYPE_CHECKING:
    from semalign.models.loading import Head

Shared = tuple[Tensor, Tensor]
Map = Callable[["Head", "Head", Shared, bool, int], Tensor]


def build_map(
    name: str, teacher: Head, student: Head, shared: Shared, *, fold_final_norm: bool = False, seed: int = 0
) -> Tensor:
    """The map called `name`, [D_S, D_T] in float64.

    `shared` holds the ids of the same tokens in the teacher's and in the student's vocabulary, [tokens] each.
    Raises UserError for an unknown name, for no shared token and for ids that a head has no row for.
    """
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
    return load_map(name)(teacher, student, shared, fold_final_norm, seed)


def apply_map(mapping: Tensor, hidden: Tensor) -> Tensor:
    """target = M h / |h|: [..., D_T] to [..., D_S], in the map's precision; a zero state stays zero."""
    hidden = hidden.to(mapping)
    norms = hidden.norm(dim=-1, keepdim=True).clamp_min(torch.finfo(hidden.dtype).tiny)
    return (hidden / norms) @ mapping.T


def _cross(student_rows: Iterable[Tensor], teacher_rows: Iterable[Tensor]) -> Tensor:
    """Sum over tokens of (student row) (teacher row)^T, chunk by chunk: [D_S, D_T]."""
    total: Tensor | None = None
    for student_chunk, teacher_chunk in zip(student_rows, teacher_rows, strict=True):
        product = student_chunk.T @ teacher_chunk
        total = product if total is None else total.add_(product)
    if total is None:
        raise ValueError("no rows to add up")
    return total


def _from_bases(teacher: Bases, student: Bases, shared: Shared) -> Tensor:
    return _cross(student.chunks(shared[1]), teacher.chunks(shared[0]))


def pinv(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> Tensor:
    """The paper's map: unit columns of each side's pinv(H)."""
    return _from_bases(
        output_bases(teacher, fold_final_norm=fold), output_bases(student, fold_final_norm=fold), shared
    )


def pinv_raw(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> Tensor:
    """As the paper's, with the columns' own lengths."""
    return _from_bases(
        output_bases(teacher, fold_final_norm=fold, unit=False),
        output_bases(student, fold_final_norm=fold, unit=False),
        shared,
    )


def input_side(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> Tensor:
    """Unit rows of the input embeddings in place of pinv(H)."""
    return _from_bases(
        input_bases(teacher, fold_final_norm=fold), input_bases(student, fold_final_norm=fold), shared
    )


def random(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> Tensor:
    """Independent random unit bases on both sides: a map of the same kind that carries nothing."""
    return _from_bases(random_bases(teacher, seed=2 * seed), random_bases(student, seed=2 * seed + 1), shared)


def dual(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> Tensor:
    """pinv(H_S) H_T over the shared rows: the student state whose logits come closest to the teacher's.

    These are the coefficients of the dual frame: with teacher = student the map is the identity.
    """
    gains = _gains(teacher, student, fold)
    inverse = inverse_gram(student.weight, gains[1], shared[1])
    columns = RowBases(student.weight, gains[1], inverse, unit=False)
    return _cross(columns.chunks(shared[1]), stream(teacher.weight, gains[0], shared[0]))


def vocabulary_least_squares(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> Tensor:
    """The matrix that takes the teacher's centred head rows closest to the student's: C_ST pinv(C_TT)."""
    gains = _gains(teacher, student, fold)
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
