"""Similarity of a teacher's layers to the student's, for the pairing rule `cka`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.base import Example
from semalign.benchmarks.encoding import encode
from semalign.models.loading import load_model, load_tokenizer, read_shape
from semalign.models.states import offsets_of, read_states
from semalign.runtime.errors import UserError
from semalign.signals.cka import MINIMUM_POSITIONS, cka_matrices

BATCH_SIZE = 8  # examples per forward pass


Read = tuple[torch.Tensor, list[torch.Tensor]]  # offsets of the examples, and each layer's states


def measure_likeness(
    teacher: Path, student: Path, examples: Sequence[Example], layers: Sequence[int]
) -> list[list[float]]:
    """Debiased linear CKA [teacher layers, student layers] of block outputs at the supervised positions.

    Rows are the teacher's `layers` in the order given, columns all student layers. Every example passes once through
    each model; only one model is in memory at a time. Raises UserError like `likeness_of`.
    """
    depth = read_shape(student).layers
    of_teacher = block_states(load_model(teacher), load_tokenizer(teacher), examples, layers)
    of_student = block_states(load_model(student), load_tokenizer(student), examples, range(1, depth + 1))
    return likeness_of(of_teacher, of_student, (teacher.name, student.name))


def likeness_of(teacher: Read, student: Read, names: tuple[str, str]) -> list[list[float]]:
    """Debiased linear CKA [teacher layers, student layers] of states that `block_states` has read.

    `names` are those of the models in messages. Raises UserError if the tokenizers split the answers differently or if
    there are fewer than four positions.
    """
    (teacher_offsets, teacher_states), (student_offsets, student_states) = teacher, student
    if not torch.equal(teacher_offsets, student_offsets):
        raise UserError(
            f"pairing: found {int(teacher_offsets[-1])} answer positions of {names[0]} on the extract split and "
            f"{int(student_offsets[-1])} of {names[1]}, expected the same in every example, since CKA compares "
            "position by position"
        )
    if int(teacher_offsets[-1]) < MINIMUM_POSITIONS:
        raise UserError(
            f"pairing: found {int(teacher_offsets[-1])} answer positions in the extract split, expected "
            f"{MINIMUM_POSITIONS} or more for CKA"
        )
    _, debiased = cka_matrices(teacher_states, student_states)
    rows: list[list[float]] = debiased.tolist()
    return rows


def block_states(model: Any, tokenizer: Any, examples: Sequence[Example], layers: Sequence[int]) -> Read:
    """The offsets at which each example's positions begin and end, and each layer's states [positions, width]."""
    encoded = [encode(example, tokenizer) for example in examples]
    states = read_states(model, encoded, layers, "block", BATCH_SIZE, tokenizer.pad_token_id or 0)
    return offsets_of(encoded), [states[layer] for layer in layers]
