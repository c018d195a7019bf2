"""Whether a map preserves predictions: the teacher's final states, mapped and read by the student's head.

A map takes the teacher's final state after the norm into the student's space, and the student's head predicts a token.
A map that preserves meaning gives the token that the teacher itself predicts. Only maps made from the two
vocabularies are compared; nothing is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor

from semalign.analysis.accumulation import Resampling, resample_means
from semalign.models.trained_head import count_rows, trained_rows
from semalign.runtime.errors import UserError
from semalign.signals.semantics.maps import Shared, build_map, trained_tokens
from semalign.signals.semantics.registry import BASES_MAPS, HEAD_MAPS, rows_of

if TYPE_CHECKING:
    from semalign.models.loading import Head

MAPS = (*BASES_MAPS, *HEAD_MAPS)
UNFOLDABLE = ("random", "identity")  # no gain enters these maps
ABSENT = -1


STANDARD = Resampling()


@dataclass(frozen=True)
class Crossing:
    """One map [D_S, D_T] of some tokens, and the gains of both final norms; float32 on the device of the states."""

    name: str
    folded: bool
    matrix: Tensor
    teacher_gain: Tensor
    student_gain: Tensor
    tokens: int = 0

    def carry(self, final: Tensor) -> Tensor:
        """The student's state [positions, D_S] for the teacher's final normed state [positions, D_T].

        A folded map is defined before both norms' gains: the teacher's gain is divided out, the state is mapped, and
        the student's gain is multiplied in.
        """
        if not self.folded:
            return final @ self.matrix.T
        state = torch.where(self.teacher_gain == 0, 0, final / self.teacher_gain)
        return (state @ self.matrix.T) * self.student_gain


def build_crossings(
    teacher: Head,
    student: Head,
    shared: Shared,
    seed: int = 0,
    *,
    maps: Sequence[str] = MAPS,
    device: torch.device | str = "cpu",
) -> list[Crossing]:
    """Every map without and, if it depends on gains, also with the final norms folded in."""
    gains = {
        "teacher_gain": teacher.norm_gain.to(device, torch.float32),
        "student_gain": student.norm_gain.to(device, torch.float32),
    }

    def build(name: str, fold: bool) -> Crossing:
        matrix = build_map(name, teacher, student, shared, fold_final_norm=fold, seed=seed)
        tokens = len(trained_tokens(name, teacher, student, shared)[0])
        return Crossing(name, fold, matrix.to(device, torch.float32), tokens=tokens, **gains)

    return [
        build(name, fold) for name in maps for fold in ((False,) if name in UNFOLDABLE else (False, True))
    ]


class CrossingStudy:
    """The measurement of one pair, accumulated prompt by prompt; the teacher's states are never kept."""

    def __init__(self, teacher: Head, student: Head, shared: Shared, crossings: Sequence[Crossing]) -> None:
        self.crossings = list(crossings)
        here = self.crossings[0].matrix
        (ids, self.teacher), (own, self.student) = (
            (rows.to(here.device), weight.to(here)) for rows, weight in map(trained_rows, (teacher, student))
        )
        number = torch.full((len(teacher.weight),), ABSENT)  # teacher's token id -> student's token id
        number[shared[0]] = shared[1]
        self.wanted = number.to(here.device)[ids]  # student's id of what the teacher predicts
        self.own = own
        self.heads = {"teacher": teacher, "student": student}
        self.same: list[Tensor] = []

    def add(self, final: Tensor) -> None:
        """Add one prompt's final normed teacher states [positions, D_T].

        A predicted token that is not in the student's vocabulary counts as not preserved. Neither model
        predicts a token whose row was never trained.
        """
        wanted = self.wanted[(final @ self.teacher.T).argmax(-1)]
        same = [self.own[(c.carry(final) @ self.student.T).argmax(-1)] == wanted for c in self.crossings]
        self.same.append(torch.stack(same, -1).double().cpu())

    def rows(self, resampling: Resampling) -> list[dict[str, Any]]:
        """One row per map; the bootstrap interval resamples whole prompts."""
        agreement, low, high = resample_means(self.same, resampling)
        return [
            {
                "map": crossing.name,
                "folded": crossing.folded,
                "top1_agreement": float(agreement[c]),
                "top1_low": float(low[c]),
                "top1_high": float(high[c]),
                "positions": sum(map(len, self.same)),
                "tokens": crossing.tokens,
                **self._left_out(crossing.name),
            }
            for c, crossing in enumerate(self.crossings)
        ]

    def _left_out(self, name: str) -> dict[str, int]:
        return {f"{role}_left_out": count_rows(head, rows_of(name))[1] for role, head in self.heads.items()}


@torch.no_grad()
def crossing_table(
    model: Any,
    heads: tuple[Head, Head],
    shared: Shared,
    prompts: Sequence[Sequence[int]],
    *,
    drop_first: bool = True,
    resampling: Resampling = STANDARD,
) -> pd.DataFrame:
    """Measure every map for the teacher `model` on tokenised prompts; `heads` are the teacher's and the student's.

    Columns: map, folded, top1_agreement, top1_low, top1_high, positions, tokens (shared ones that the map is made of),
    teacher_left_out and student_left_out (rows that were never trained). The seed of `resampling` also draws the random
    map. `drop_first` leaves out position 0, whose states have a very different norm in many models. Raises UserError if
    no prompt has tokens.
    """
    crossings = build_crossings(*heads, shared, resampling.seed, device=model.device)
    study = CrossingStudy(*heads, shared, crossings)
    for tokens in prompts:
        if len(tokens) > drop_first:
            ids = torch.tensor([list(tokens)], device=model.device)
            final = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
            study.add(final[0, int(drop_first) :].float())
    if not study.same:
        raise UserError("crossing: found no prompt with tokens, expected at least one")
    return pd.DataFrame(study.rows(resampling))
