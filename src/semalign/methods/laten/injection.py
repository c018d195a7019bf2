"""LaTen's injection: add the hypernetworks' outputs to rows and columns of the student's weights, and check them."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from semalign.models.architectures import Architecture
from semalign.models.deltas import Delta
from semalign.models.loading import TensorFolder, load_model
from semalign.models.transfers import load_student
from semalign.runtime.errors import UserError

logger = logging.getLogger("semalign")


@dataclass(frozen=True)
class Kind:
    """A kind of slice: the names of its layers and indices in the located parts, and the dimension that these index."""

    layers: str
    indices: str
    dim: int


KINDS = {
    "up": Kind("ffn_layers", "ffn", 0),
    "down": Kind("ffn_layers", "ffn", 1),
    "v": Kind("attention_layers", "v", 0),
    "o": Kind("attention_layers", "o", 1),
}
Parts = Mapping[str, torch.Tensor]


def module_of(facts: Architecture, kind: str, layer: int) -> str:
    """Full name of the module that holds slices of a kind; layers are numbered from 0."""
    name = facts.value if kind == "v" else facts.projections[kind]
    return f"{facts.layers}.{layer}.{name}"


class TeacherNeurons:
    """The teacher's located slices, read from its files on demand.

    Files are memory-mapped and one matrix is open at a time, so the teacher is never loaded.
    """

    def __init__(self, folder: Path, parts: Parts) -> None:
        self.files = TensorFolder(folder)
        self.facts = self.files.facts
        self.parts = parts

    def read(self, kind: str, row: int) -> torch.Tensor:
        """Float32 neuron vectors [layers, neurons, teacher width] of one located example; columns are transposed."""
        layers = self.parts[KINDS[kind].layers][row]
        indices = self.parts[KINDS[kind].indices][row]
        return torch.stack(
            [self._slice(kind, int(layer), rows) for layer, rows in zip(layers, indices, strict=True)]
        )

    def _slice(self, kind: str, layer: int, indices: torch.Tensor) -> torch.Tensor:
        weight = self.files.read(f"{module_of(self.facts, kind, layer)}.weight")
        neurons = weight.index_select(KINDS[kind].dim, indices).float()
        return neurons.T if KINDS[kind].dim else neurons


def deltas_of(
    facts: Architecture, parts: Parts, row: int, additions: Mapping[str, torch.Tensor]
) -> list[Delta]:
    """One delta per module of the student, from additions [layers, neurons, student width] by kind."""
    deltas = []
    for name, kind in KINDS.items():
        located = zip(parts[kind.layers][row], parts[kind.indices][row], additions[name], strict=True)
        for layer, indices, values in located:
            module = module_of(facts, name, int(layer))
            deltas.append(
                Delta(module, kind.dim, indices.to(values.device), values.T if kind.dim else values)
            )
    return deltas


def check_injection(student: Path, teacher: Path, folder: Path, deltas: Sequence[Delta]) -> dict[str, float]:
    """Compare the model that evaluation will load with the student, in the data type of the student's files.

    Returns the size of the delta: the ratio of its norm to that of the slices it is added to, the root mean squares of
    both, and the share of the slices' entries that changed. Raises UserError if no entry changed, and RuntimeError if
    any other weight did.
    """
    dtype = TensorFolder(student).read_stored(f"{deltas[0].module}.weight").dtype
    before = load_model(
        student, "cpu", dtype
    )  # two models at once, so on the CPU whatever the training ran on
    after = load_student(student, teacher, folder, "cpu", dtype)
    size = _size(before, after, deltas)
    entries = sum(delta.values.numel() for delta in deltas)
    _report(size, entries, dtype)
    if not size["changed_share"]:
        raise UserError(
            f"LaTen: {student.name}: found no weight that the delta (root mean square {size['delta_rms']:.2g}) changes "
            f"in {dtype}, the data type of its files; expected some change (try a higher optimisation.learning_rate, "
            "more steps, or a student in float32)"
        )
    return size


def _size(before: Any, after: Any, deltas: Sequence[Delta]) -> dict[str, float]:
    """Size of the deltas relative to what they are added to. Raises RuntimeError for a change anywhere else."""
    by_weight = {f"{delta.module}.weight": delta for delta in deltas}
    others = dict(after.named_parameters())
    changed = entries = 0
    delta_square = weight_square = 0.0
    for name, old in before.named_parameters():
        differs = old != others[name]
        if name in by_weight:
            delta = by_weight[name]
            indices = delta.indices.cpu()
            changed += int(differs.index_select(delta.dim, indices).sum())
            entries += delta.values.numel()
            delta_square += float(delta.values.double().square().sum())
            weight_square += float(old.index_select(delta.dim, indices).double().square().sum())
            differs.index_fill_(delta.dim, indices, False)
        if differs.any():
            raise RuntimeError(f"{name}: found a change outside the slices of the delta, expected none")
    return {
        "norm_ratio": (delta_square / weight_square) ** 0.5,
        "delta_rms": (delta_square / entries) ** 0.5,
        "weight_rms": (weight_square / entries) ** 0.5,
        "changed_share": changed / entries,
    }


def _report(size: Mapping[str, float], entries: int, dtype: Any) -> None:
    message = (
        f"LaTen: delta of {entries} entries, {size['norm_ratio']:.3g} of the weights' norm (root mean square "
        f"{size['delta_rms']:.3g} on {size['weight_rms']:.3g}); {100 * size['changed_share']:.1f} % of these entries "
        f"change in {dtype}"
    )
    logger.info(message)
