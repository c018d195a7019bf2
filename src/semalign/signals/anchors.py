"""Both models' states at the same positions of the align split: what fitted maps are fitted to."""

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
    """Student layer -> (teacher states, student states) at the supervised positions; and how many examples.

    The teacher's are interpolated as the targets are, and the student is as yet untouched. One model is in memory
    at a time. Raises UserError where the two cut the answers into other tokens.
    """
    encoded = [encode_split(folder, benchmark, "align")[0] for folder in (teacher, student)]
    ends = [offsets_of(examples) for examples in encoded]
    if not torch.equal(*ends):
        raise UserError(
            f"{benchmark / 'align.jsonl'}: its answers are {int(ends[0][-1])} tokens of {teacher.name}, expected the "
            f"{int(ends[1][-1])} of {student.name}, cut alike; a fitted map needs states at the same positions"
        )
    deep = sorted({layer for pair in pairs for layer in (pair.below, pair.above)})
    own = sorted(pair.student for pair in pairs)
    of_teacher = _read(teacher, encoded[0], deep, interface, batch_size)
    of_student = _read(student, encoded[1], own, interface, batch_size)
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
    """Layer -> states [positions, width] of one model."""
    pad_id = load_tokenizer(folder).pad_token_id or 0
    return read_states(load_model(folder), encoded, layers, interface, batch_size, pad_id)
