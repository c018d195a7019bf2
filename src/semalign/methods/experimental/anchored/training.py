"""Training of block outputs towards targets in the student's own space.

Loss = layer_loss_weight * mean over the paired layers of |h - target|^2 / (positions * total variance)
+ KL divergence to the teacher's stored logits (optional)
+ label_loss_weight * cross-entropy on the answers (optional), all over supervised positions.

The total variance is that of the untouched student's states over the train split, summed over the channels, so that a
distance of 1 equals that of the states from their mean. There is one variance per layer instead of one per channel, so
that channels weigh as much as they vary. LoRA is on the paired layers or on all; the loss on the states covers only the
paired layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch, Encoded
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.adapters import Loss
from semalign.methods.common.answers import Divergence, answer_terms
from semalign.methods.common.lora import Adaptation, Work, chosen_layers, train_student
from semalign.methods.experimental.anchored import Anchored
from semalign.models.anatomy import capture
from semalign.models.readout import answer_logits
from semalign.models.states import offsets_of, read_states
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json
from semalign.signals.distillation.logits import TeacherLogits
from semalign.signals.pairing import LayerPair, from_rows

INTERFACE = "block"
BATCH = 32  # examples per forward pass when the student's initial states are read


@dataclass(frozen=True)
class Anchor:
    """Targets [positions, width] of one student layer, and the total variance of its initial states."""

    targets: torch.Tensor
    variance: float

    def distance(self, states: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Mean squared distance of states [rows, width] from the targets at `rows`, divided by the variance."""
        targets = self.targets[rows].to(states.device)
        return (states.float() - targets).square().sum(-1).mean() / self.variance


def read_pairs(task: TransferTask[Anchored]) -> tuple[list[LayerPair], int]:
    """The paired layers, and the number of teacher passes that choosing them took."""
    paired = read_json(task.signals["pairing"] / "pairing.json")
    return from_rows(paired["pairs"]), paired["teacher_passes"]


def own_states(work: Work, pairs: Sequence[LayerPair]) -> dict[int, Anchor]:
    """Anchors of the paired student layers at the untouched student's block outputs, at supervised positions.

    Raises UserError if a layer's states are all equal, since distances are divided by their variance.
    """
    layers = [pair.student for pair in pairs]
    states = read_states(work.model, work.examples, layers, INTERFACE, BATCH, work.pad_id)
    anchors = {layer: Anchor(states[layer], total_variance(states[layer])) for layer in layers}
    for layer, anchor in anchors.items():
        if not anchor.variance > 0:
            raise UserError(
                f"student layer {layer}: found {len(anchor.targets)} states with variance {anchor.variance}, expected "
                "states that differ over the train split"
            )
    return anchors


def total_variance(states: torch.Tensor) -> float:
    """Mean squared distance of states [positions, width] from their mean, computed in float64."""
    return float(states.double().var(0, correction=0).sum())


def train_anchored(
    task: TransferTask[Anchored], work: Work, anchors: dict[int, Anchor], folder: Path, passes: int
) -> TransferReport:
    """Train towards the anchors and on the answers; `passes` is the number of teacher passes that the anchors took."""
    layers, _ = chosen_layers(task, work)
    teacher = None
    if task.settings.distillation == "logits":
        teacher = TeacherLogits(task.signals["logits"], work.examples)
        passes += teacher.teacher_passes
    loss = anchored_loss(task.settings, anchors, work.examples, teacher)
    return train_student(task, work, Adaptation(layers, loss), folder, passes)


def anchored_loss(
    settings: Anchored, anchors: dict[int, Anchor], examples: Sequence[Encoded], teacher: Divergence | None
) -> Loss:
    """The loss terms of one batch: `layer`, `kl` and `label`, each if it is used."""
    offsets = offsets_of(examples)
    layers = sorted(anchors) if settings.layer_loss_weight else []

    def loss(model: Any, batch: Batch, indices: list[int]) -> dict[str, torch.Tensor]:
        with capture(model, layers, [INTERFACE]) as states:
            logits = answer_logits(model, batch)
        terms = answer_terms(logits, batch, indices, teacher, settings.label_loss_weight)
        if layers:
            rows = torch.cat([torch.arange(int(offsets[i]), int(offsets[i + 1])) for i in indices])
            distances = [
                anchors[layer].distance(states[INTERFACE, layer][batch.supervised], rows) for layer in layers
            ]
            terms["layer"] = settings.layer_loss_weight * torch.stack(distances).mean()
        return terms

    return loss
