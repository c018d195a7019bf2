"""States of both models at the same positions of the align split, to which fitted maps are fitted."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from semalign.benchmarks.encoding import Encoded
from semalign.models.loading import load_model, load_tokenizer
from semalign.models.states import encode_split, offsets_of, read_states
from semalign.runtime.errors import UserError
from semalign.signals.alignment import interpolate
from semalign.signals.pairing import LayerPair

Anchors = tuple[Tensor, Tensor]


def read_anchors(
    teacher: Path,
    student: Path,
    benchmark: Path,
    pairs: Sequence[LayerPair],
    interface: str,
    batch_size: int,
) -> tuple[dict[int, Anchors], int]:
    """Read both models' states at the supervised positions of the align split.

    Returns (teacher states [positions, D_T], student states [positions, D_S]) by student layer, and the number of
    examples. Teacher states are interpolated in the same way as the targets; the student is the untouched one. Only one
    model is in memory at a time. Raises UserError if the two tokenizers split the answers differently.
    """
    encoded = [encode_split(folder, benchmark, "align")[0] for folder in (teacher, student)]
    offsets = [offsets_of(examples) for examples in encoded]
    if not torch.equal(*offsets):
        raise UserError(
            f"{benchmark / 'align.jsonl'}: found {int(offsets[0][-1])} answer tokens of {teacher.name}, expected the "
            f"{int(offsets[1][-1])} of {student.name}, split alike; a fitted map needs states at the same positions"
        )
    teacher_layers = sorted({layer for pair in pairs for layer in (pair.below, pair.above)})
    student_layers = sorted(pair.student for pair in pairs)
    of_teacher = _read(teacher, encoded[0], teacher_layers, interface, batch_size)
    of_student = _read(student, encoded[1], student_layers, interface, batch_size)
    anchors = {
        pair.student: (
            interpolate(of_teacher, pair.below, pair.above, pair.weight),
            of_student[pair.student],
        )
        for pair in pairs
    }
    return anchors, len(encoded[0])


def _read(
    folder: Path, encoded: Sequence[Encoded], layers: Sequence[int], interface: str, batch_size: int
) -> dict[int, Tensor]:
    """One model's states [positions, width] by layer."""
    pad_id = load_tokenizer(folder).pad_token_id or 0
    return read_states(load_model(folder), encoded, layers, interface, batch_size, pad_id)
