"""The tokens that two models share, and the maps from a teacher's hidden space to a student's."""

from __future__ import annotations

from torch import Tensor

from semalign.api.checks import same_positions
from semalign.api.heads import heads_and_tokens
from semalign.api.inputs import Model, width_of
from semalign.models.trained_head import Untrained
from semalign.models.vocabulary import MINIMUM_SHARE
from semalign.runtime.errors import UserError
from semalign.signals.semantics.maps import build_map, fit_map
from semalign.signals.semantics.registry import FITTED_MAPS


def shared_tokens(
    teacher: Model,
    student: Model,
    map: str = "pinv",
    *,
    untrained_rows: Untrained = "leave-out",
    minimum_shared: float = MINIMUM_SHARE,
) -> tuple[Tensor, Tensor]:
    """Ids [tokens] in the teacher's and in the student's vocabulary of the tokens that both have and were trained on.

    Tokens are the same if their strings are. `map` says which rows must have been trained: those of the LM heads, or
    for `input-side` those of the embeddings. Raises UserError if less than `minimum_shared` of the student's tokens are
    shared.
    """
    return heads_and_tokens(teacher, student, map, untrained_rows, minimum_shared)[1]


def teacher_to_student_map(
    teacher: Model,
    student: Model,
    map: str = "pinv",
    *,
    states: tuple[Tensor, Tensor] | None = None,
    fold_final_norm: bool = False,
    untrained_rows: Untrained = "leave-out",
    minimum_shared: float = MINIMUM_SHARE,
    seed: int = 0,
) -> Tensor:
    """The map M [student width, teacher width] in float64 whose targets are M h / |h| (`align_states` applies it).

    SemAlign's is S_S S_T^T (arXiv 2510.24208, "latent semantic alignment"); the others are this study's.

    Args:
        teacher: Model folder, or `(model, tokenizer)`.
        student: The same.
        map: Name of the map; `python -m semalign list maps` lists all.
        states: For a map that is fitted to states: those of teacher and student at the same positions, [positions,
            width] each.
        fold_final_norm: Fold the final norm's gain into the head first; the paper leaves it open.
        untrained_rows: `leave-out` the rows that were never trained, or `keep` them.
        minimum_shared: Least share of the student's tokens that the teacher must have.
        seed: Seed of random bases.

    Raises UserError for an unknown map, too few shared tokens, or a fitted map without states.
    """
    if map in FITTED_MAPS:
        if states is None:
            raise UserError(
                f"states: found none, expected those of both models, to which the map {map} is fitted"
            )
        same_positions(states, (width_of(teacher), width_of(student)))
        return fit_map(map, *states)
    if states is not None:
        raise UserError(f"states: found some, expected none; the map {map} is made of the heads alone")
    heads, shared = heads_and_tokens(teacher, student, map, untrained_rows, minimum_shared)
    return build_map(map, *heads, shared, fold_final_norm=fold_final_norm, seed=seed)
