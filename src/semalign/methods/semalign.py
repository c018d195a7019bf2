"""SemAlign, version 1 of the paper: the paired layer is steered towards targets stored beforehand.

Loss = L_layer + L_out over supervised positions; only LoRA factors of the paired layers move. The teacher is
not in memory: its aligned states are read from the alignment stage.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from semalign.activations import offsets_of
from semalign.adapters import Loss, answer_logits
from semalign.benchmarks.encoding import Batch, Encoded
from semalign.config.methods import SemAlign
from semalign.errors import UserError
from semalign.files import read_json
from semalign.losses import LABEL_LOSSES, layer_loss
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.lora import load_student_at_work, train_student
from semalign.models.anatomy import capture


def transfer(task: TransferTask, folder: Path) -> TransferReport:
    """Steer the paired layers on the train split."""
    work = load_student_at_work(task)
    alignment = read_json(task.signals["alignment"] / "alignment.json")
    targets = Targets(task.signals["alignment"] / "targets.safetensors", work.examples)
    loss = steering_loss(task.settings, targets, alignment["interface"])
    return train_student(task, work, targets.layers, loss, folder, teacher_passes=alignment["teacher_passes"])


class Targets:
    """The teacher's aligned states, by student layer and example.

    Raises UserError when the stored positions are not those of the examples.
    """

    def __init__(self, path: Path, examples: Sequence[Encoded]) -> None:
        tensors = load_file(path)
        self.offsets = tensors.pop("offsets")
        self.states = {int(name.removeprefix("layer.")): states for name, states in tensors.items()}
        self.layers = sorted(self.states)
        if not torch.equal(self.offsets, offsets_of(examples)):
            raise UserError(
                f"{path}: holds {int(self.offsets[-1])} positions of {len(self.offsets) - 1} examples, expected "
                f"{int(offsets_of(examples)[-1])} of {len(examples)}; do teacher and student tokenise alike?"
            )

    def of(self, layer: int, indices: Sequence[int]) -> torch.Tensor:
        """Targets [supervised positions, width] of a batch's examples, in their order."""
        states = self.states[layer]
        return torch.cat([states[self.offsets[i] : self.offsets[i + 1]] for i in indices])


def steering_loss(settings: SemAlign, targets: Targets, interface: str) -> Loss:
    """The loss of one batch: `layer` (mean over the paired layers) and `label`, each with its weight."""
    label_loss = LABEL_LOSSES[settings.label_loss]

    def loss(model: Any, batch: Batch, indices: list[int]) -> dict[str, torch.Tensor]:
        with capture(model, targets.layers, [interface]) as states:
            logits = answer_logits(model, batch)
        chosen = {layer: states[interface, layer][batch.supervised] for layer in targets.layers}
        per_layer = [
            layer_loss(chosen[layer], targets.of(layer, indices).to(logits.device)) for layer in chosen
        ]
        return {
            "layer": settings.layer_loss_weight * torch.stack(per_layer).mean(),
            "label": settings.label_loss_weight * label_loss(logits, batch.labels[batch.supervised]),
        }

    return loss
