"""Training of hidden-state distillation: linear projectors from the student's states to the teacher's.

The teacher's states come from the activations stage, at its interface, and are interpolated as for SemAlign. Each
paired layer has one linear projector from the student's width to the teacher's. The projectors are trained together
with the LoRA factors by the same optimiser, and dropped afterwards.

The loss on the states is the mean squared error of the projected state, with each teacher channel divided by its
variance over the train split; a projector that predicts only the means has a loss of 1. The projector predicts
standardised channels, which gives the same loss with targets of unit scale. (Cosine, the other usual choice, would be
dominated by the few channels of large variance.) Cross-entropy on the answers is added. With `layers: all`, every layer
has LoRA, but only states of the paired layers enter the loss.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch, Encoded
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.adapters import Loss
from semalign.methods.common.answers import answer_terms
from semalign.methods.common.lora import Adaptation, chosen_layers, load_student_at_work, train_student
from semalign.methods.common.targets import paired_states
from semalign.methods.distill_hidden import DistillHidden
from semalign.models.anatomy import capture
from semalign.models.readout import answer_logits
from semalign.runtime.files import read_json
from semalign.signals.pairing import LayerPair, from_rows
from semalign.signals.stored import Stored

POSITIONS = 8192
NEGLIGIBLE = 1e-6  # a channel counts as constant if its deviation is at most this share of the largest one


def distill(task: TransferTask[DistillHidden], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the train split towards the teacher's stored states."""
    work = load_student_at_work(task)
    layers, _ = chosen_layers(task, work)
    activations = read_json(task.signals["activations"] / "activations.json")
    pairs = from_rows(read_json(task.signals["pairing"] / "pairing.json")["pairs"])
    teacher = TeacherStates(task.signals["activations"] / "activations.safetensors", pairs, work.examples)
    projectors = make_projectors(teacher.widths, work.model.config.hidden_size, task.seed)
    loss = states_loss(task.settings, teacher, projectors, activations["interface"])
    adaptation = Adaptation(layers, loss, extra=projectors.to(work.model.device))
    return train_student(task, work, adaptation, folder, activations["teacher_passes"])


class TeacherStates:
    """Standardised teacher states of every paired student layer."""

    def __init__(self, path: Path, pairs: Sequence[LayerPair], examples: Sequence[Encoded]) -> None:
        self.stored = Stored(path, examples)
        self.states = {layer: standardise(rows) for layer, rows in paired_states(self.stored, pairs)}
        self.stored.tensors = {}  # frees the raw states, which are as large as the standardised ones
        self.widths = {layer: states.shape[-1] for layer, states in self.states.items()}

    def of(self, layer: int, indices: Sequence[int]) -> torch.Tensor:
        """Standardised states [supervised positions, teacher width] of a batch's examples."""
        return self.stored.select(self.states[layer], indices)


def standardise(states: torch.Tensor) -> torch.Tensor:
    """Standardise each channel of [positions, width] to mean 0 and deviation 1, in float32; constant channels become 0.

    Computed in float64, POSITIONS positions at a time.
    """
    chunks = states.split(POSITIONS)
    mean = torch.stack([chunk.double().sum(0) for chunk in chunks]).sum(0) / len(states)
    squares = torch.stack([(chunk.double() - mean).square().sum(0) for chunk in chunks]).sum(0)
    deviation = (squares / len(states)).sqrt()
    varies = deviation > NEGLIGIBLE * deviation.max()
    scale = torch.where(varies, 1 / deviation, 0.0)
    return torch.cat([((chunk.double() - mean) * scale).float() for chunk in chunks])


def make_projectors(widths: Mapping[int, int], student_width: int, seed: int) -> torch.nn.ModuleDict:
    """One affine map from the student's width to the teacher's per student layer, initialised from the seed."""
    # torch.nn.Linear draws from the global generator; forking keeps the caller's random state unchanged
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return torch.nn.ModuleDict(
            {str(layer): torch.nn.Linear(student_width, width) for layer, width in sorted(widths.items())}
        )


def states_loss(
    settings: DistillHidden, teacher: TeacherStates, projectors: torch.nn.ModuleDict, interface: str
) -> Loss:
    """The loss terms of one batch: `layer` (mean over the paired layers), and `label` if its weight is not zero."""
    layers = sorted(teacher.states)

    def loss(model: Any, batch: Batch, indices: list[int]) -> dict[str, torch.Tensor]:
        with capture(model, layers, [interface]) as states:
            logits = answer_logits(model, batch)
        errors = []
        for layer in layers:
            predicted = projectors[str(layer)](states[interface, layer][batch.supervised].float())
            target = teacher.of(layer, indices).to(predicted.device)
            errors.append(torch.nn.functional.mse_loss(predicted, target))
        layer_term = {"layer": settings.layer_loss_weight * torch.stack(errors).mean()}
        return layer_term | answer_terms(logits, batch, indices, None, settings.label_loss_weight)

    return loss
