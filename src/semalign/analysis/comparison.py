"""Comparison of teacher, student before and student after a transfer, layer by layer at the same tokens."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from semalign.analysis.options import HERE, Machine
from semalign.analysis.similarity import compare_models
from semalign.analysis.states import choose_positions, layer_states, same_tokens
from semalign.models.loading import load_model, load_tokenizer
from semalign.models.transfers import load_student

POSITIONS = 2000
TEACHER, BEFORE, AFTER = "teacher", "student-before", "student-after"


def compare_pair(
    teacher: Path | str,
    student: Path | str,
    transfer: Path | str | None,
    texts: Sequence[str],
    machine: Machine = HERE,
    *,
    positions: int = POSITIONS,
    seed: int = 0,
) -> pd.DataFrame:
    """CKA rows (see `similarity.compare_models`) of the block outputs at up to `positions` tokens.

    Comparisons: the teacher with the student, and the student with itself. With a transfer folder also: both again
    after the transfer, and the student before with the student after. Only one model is in memory at a time.
    """
    tokens = same_tokens(load_tokenizer(teacher), load_tokenizer(student), texts)
    kept = choose_positions(tokens, positions, seed)

    def read(model: Any) -> list[Tensor]:
        return layer_states(model, tokens, kept)

    states = {
        TEACHER: read(load_model(teacher, machine.name, machine.precision)),
        BEFORE: read(load_model(student, machine.name, machine.precision)),
    }
    pairs = [(TEACHER, BEFORE), (BEFORE, BEFORE)]
    if transfer is not None:
        after = load_student(student, teacher, transfer, machine.name, machine.precision)
        states[AFTER] = read(after)
        pairs += [(TEACHER, AFTER), (AFTER, AFTER), (BEFORE, AFTER)]
    return compare_models(states, pairs)
