"""Sizes in bytes of the files that the stages store.

Those of safetensors files are exact, because the header follows from the names and shapes of the tensors.
"""

import json
import math
from collections.abc import Mapping

from semalign.study.planning.shapes import ModelShape
from semalign.study.planning.texts import Split

Tensors = Mapping[str, tuple[str, tuple[int, ...]]]  # name -> (type, shape)
SIZES = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2, "I64": 8, "I32": 4}


def safetensors_bytes(tensors: Tensors, metadata: Mapping[str, str] | None = None) -> int:
    """Return the size of a safetensors file with these tensors."""
    order = sorted(tensors, key=lambda name: (-SIZES[tensors[name][0]], name))
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name in order:
        kind, shape = tensors[name]
        start, end = end, end + SIZES[kind] * math.prod(shape)
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [start, end]}
    text = len(json.dumps(header, separators=(",", ":")).encode())
    return 8 + math.ceil(text / 8) * 8 + end


def rows_bytes(train: Split, tensors: Mapping[str, tuple[str, tuple[int, ...]]]) -> int:
    """Return the size of tensors with one row per supervised position of the train split, and the examples' offsets."""
    rows = {name: (kind, (train.positions, *shape)) for name, (kind, shape) in tensors.items()}
    return safetensors_bytes({**rows, "offsets": ("I64", (train.examples + 1,))})


def activations_bytes(teacher: ModelShape, train: Split, layers: list[int]) -> int:
    """Return the size of activations.safetensors: the teacher's hidden states at the given layers."""
    return rows_bytes(train, {f"layer.{layer}": ("F32", (teacher.width,)) for layer in layers})


def alignment_bytes(teacher: ModelShape, student: ModelShape, train: Split, layers: list[int]) -> int:
    """Return the size of targets.safetensors and map.safetensors together."""
    targets = displacements_bytes(student, train, layers)  # of the same shape
    return targets + safetensors_bytes({"map": ("F64", (student.width, teacher.width))})


def displacements_bytes(student: ModelShape, train: Split, layers: list[int]) -> int:
    """Return the size of displacement.safetensors with one displacement per layer."""
    return rows_bytes(train, {f"layer.{layer}": ("F32", (student.width,)) for layer in layers})


def logits_bytes(train: Split, top: int) -> int:
    """Return the size of logits.safetensors."""
    parts = {"ids": ("I32", (top,)), "log_probs": ("F32", (top,)), "log_tail": ("F32", ())}
    return rows_bytes(train, parts)


def states_bytes(train: Split, width: int) -> int:
    """Return the size of final states, one row per position (distillation from states, Flex-KD)."""
    return rows_bytes(train, {"states": ("F32", (width,))})


def reference_bytes(teacher: ModelShape, test: Split) -> int:
    """Return the size of reference.safetensors, without the item names in its header."""
    return test.positions * (4 * teacher.width + 8) + 8 * (test.examples + 1)


def adapter_bytes(student: ModelShape, layers: int, rank: int, projections: list[str]) -> int:
    """Return the size of the tensors in adapter_model.safetensors (float32), without its header."""
    return 4 * student.adapter_parameters(layers, rank, projections)


def deltas_bytes(student: ModelShape, rate: float) -> int:
    """Return the size of LaTen's delta.safetensors: rows and columns of up, down, v and o in every layer."""
    inner, outer = int(rate * student.feed_forward), int(rate * student.heads * student.head_dim)
    return 4 * student.layers * student.width * 2 * (inner + outer)
