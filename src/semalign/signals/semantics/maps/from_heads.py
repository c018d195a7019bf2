"""Maps that are a matrix made of the two LM heads, without coefficients per token."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from semalign.signals.semantics.bases import stream
from semalign.signals.semantics.parts import Shared, cross, gains_of
from semalign.signals.semantics.registry import semantic_map

if TYPE_CHECKING:
    from semalign.models.loading import Head


@semantic_map("vocabulary-least-squares", title="Least squares over the vocabulary", made_of="heads")
def vocabulary_least_squares(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> Tensor:
    """Least-squares map from the teacher's centred head rows to the student's: C_ST pinv(C_TT)."""
    gains = gains_of(teacher, student, fold)
    # The heads are streamed twice, for the means and for the products. Centring afterwards (C - n m m^T) would subtract
    # large numbers of similar size, since head rows have a common direction.
    means = [
        sum(rows.sum(dim=0) for rows in stream(head.weight, gain, ids)) / len(ids)
        for head, gain, ids in zip((teacher, student), gains, shared, strict=True)
    ]

    def centred(side: int, head: Head) -> Iterable[Tensor]:
        return (rows - means[side] for rows in stream(head.weight, gains[side], shared[side]))

    across = cross(centred(1, student), centred(0, teacher))
    within = cross(centred(0, teacher), centred(0, teacher))
    return across @ torch.linalg.pinv(within, hermitian=True)


@semantic_map("identity", title="Identity", made_of="heads")
def identity(teacher: Head, student: Head, shared: Shared, fold: bool, seed: int) -> Tensor:
    """No map: truncate or zero-pad the channels."""
    return torch.eye(student.weight.shape[1], teacher.weight.shape[1], dtype=torch.float64)
