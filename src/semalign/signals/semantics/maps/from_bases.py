"""Maps made of two sets of bases. They can be restricted to a state's largest coefficients (see `strength`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from semalign.signals.semantics.bases import RowBases, input_bases, inverse_gram, output_bases, random_bases
from semalign.signals.semantics.parts import BasesPair, Shared, gains_of
from semalign.signals.semantics.registry import semantic_map

if TYPE_CHECKING:
    from semalign.models.loading import Head


@semantic_map("pinv", title="Pseudo-inverse (the paper)", made_of="bases")
def pinv(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> BasesPair:
    """SemAlign's map S_S S_T^T (arXiv 2510.24208, "latent semantic alignment"): unit columns of each side's pinv(H)."""
    return BasesPair(output_bases(teacher, fold_final_norm=fold), output_bases(student, fold_final_norm=fold))


@semantic_map("pinv-raw", title="Pseudo-inverse, raw lengths", made_of="bases")
def pinv_raw(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> BasesPair:
    """SemAlign's map without scaling the columns of pinv(H) to unit length."""
    return BasesPair(
        output_bases(teacher, fold_final_norm=fold, unit=False),
        output_bases(student, fold_final_norm=fold, unit=False),
    )


@semantic_map("input-side", title="Input embeddings", made_of="bases", rows="embedding")
def input_side(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> BasesPair:
    """Unit rows of the input embeddings instead of columns of pinv(H)."""
    return BasesPair(input_bases(teacher, fold_final_norm=fold), input_bases(student, fold_final_norm=fold))


@semantic_map("random", title="Random bases", made_of="bases")
def random(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> BasesPair:
    """Control: independent random unit bases on both sides, a map of the same form without information."""
    return BasesPair(random_bases(teacher, seed=2 * seed), random_bases(student, seed=2 * seed + 1))


@semantic_map("dual", title="Dual frame", made_of="bases")
def dual(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> BasesPair:
    """pinv(H_S) H_T over the shared rows: the student state whose logits are closest to the teacher's.

    The coefficients are those of the dual frame, a = H_T h / |h|, which are the logits that the teacher's head assigns
    to the state's direction. The columns of pinv(H_S) recompose them. If teacher and student are equal, the map is the
    identity.
    """
    gains = gains_of(teacher, student, fold)
    inverse = inverse_gram(student.weight, gains[1], shared[1])
    return BasesPair(
        RowBases(teacher.weight, gains[0], None, unit=False),
        RowBases(student.weight, gains[1], inverse, unit=False),
    )
