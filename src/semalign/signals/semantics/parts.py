"""Building blocks of maps: pairs of bases, shared tokens, and sums over them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from semalign.signals.semantics.bases import Bases

if TYPE_CHECKING:
    from semalign.models.loading import Head

Shared = tuple[Tensor, Tensor]  # the ids of the same tokens in the teacher's and in the student's vocabulary


@dataclass(frozen=True)
class BasesPair:
    """A map in two steps: coefficients a = A h / |h| on the teacher's side, target = B^T a on the student's.

    Row i of A [tokens, D_T] and row i of B [tokens, D_S] belong to the i-th shared token. Both are streamed.
    """

    teacher: Bases
    student: Bases

    def matrix(self, shared: Shared) -> Tensor:
        """Both steps as one matrix, M = B^T A of shape [D_S, D_T]."""
        return cross(self.student.chunks(shared[1]), self.teacher.chunks(shared[0]))


def cross(student_rows: Iterable[Tensor], teacher_rows: Iterable[Tensor]) -> Tensor:
    """Sum over tokens of (student row) (teacher row)^T, computed chunk by chunk: [D_S, D_T]."""
    # about 10^5 terms of both signs per entry: in float64 the rounding error stays far below that of float32 targets
    total: Tensor | None = None
    for student_chunk, teacher_chunk in zip(student_rows, teacher_rows, strict=True):
        if total is None:
            total = student_chunk.T @ teacher_chunk
        else:
            total.addmm_(student_chunk.T, teacher_chunk)  # in place, without a second matrix of this size
    if total is None:
        raise ValueError("no rows to add up")
    return total


def gains_of(teacher: Head, student: Head, fold: bool) -> tuple[Tensor | None, Tensor | None]:
    """The gains of both final norms if they are folded into the heads, otherwise (None, None)."""
    return (teacher.norm_gain, student.norm_gain) if fold else (None, None)
