"""SemAlign, version 1 of the paper: the paired layer is steered towards targets stored beforehand.

Loss = L_layer + L_out over supervised positions; only LoRA factors of the paired layers move. The teacher is
not in memory: its aligned states are read from the alignment stage.

Beside the paper: other losses on the logits, among them the divergence to the teacher's stored ones, or none; LoRA
on all layers, with L_layer still on the paired ones; and the paired layers one after the other
(`semalign.methods.semalign.phases`).
"""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch, Encoded
from semalign.config.methods import SemAlign
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.adapters import Loss
from semalign.methods.common.answers import Divergence
from semalign.methods.common.lora import all_layers, load_student_at_work, train_student
from semalign.methods.semalign.phases import train_in_turn
from semalign.models.anatomy import capture
from semalign.models.readout import final_states, head_logits
from semalign.models.states import stop_after
from semalign.runtime.files import read_json
from semalign.signals.distillation.logits import TeacherLogits
from semalign.signals.stored import Stored
from semalign.training.losses import LABEL_LOSSES, layer_loss

PREFIX = "layer."  # what a layer's tensor is called: layer.<number>
LabelTerm = Callable[[torch.Tensor, torch.Tensor, list[int]], torch.Tensor]


def transfer(task: TransferTask, folder: Path) -> TransferReport:
    """Steer the paired layers on the train split."""
    work, settings = load_student_at_work(task), task.settings
    alignment = read_json(task.signals["alignment"] / "alignment.json")
    targets = Targets(task.signals["alignment"] / "targets.safetensors", work.examples)
    passes, teacher = alignment["teacher_passes"], None
    if settings.reads_logits:
        teacher = TeacherLogits(task.signals["logits"], work.examples)
        passes += teacher.teacher_passes

    def loss_on(layers: Sequence[int]) -> Loss:
        return steering_loss(settings, targets, alignment["interface"], layers, teacher)

    if settings.order == "shallow-to-deep":
        losses = {layer: loss_on([layer]) for layer in targets.layers}
        return train_in_turn(task, work, losses, folder, passes)
    adapted = all_layers(work) if settings.layers == "all" else targets.layers
    return train_student(task, work, adapted, loss_on(targets.layers), folder, passes)


class Targets:
    """The teacher's aligned states, by student layer and example.

    Raises UserError when the stored positions are not those of the examples.
    """

    def __init__(self, path: Path, examples: Sequence[Encoded]) -> None:
        self.stored = Stored(path, examples)
        names = (name for name in self.stored.tensors if name.startswith(PREFIX))
        self.layers = sorted(int(name.removeprefix(PREFIX)) for name in names)

    def of(self, layer: int, indices: Sequence[int]) -> torch.Tensor:
        """Targets [supervised positions, width] of a batch's examples, in their order."""
        return self.stored.of(f"{PREFIX}{layer}", indices)


def steering_loss(
    settings: SemAlign,
    targets: Targets,
    interface: str,
    layers: Sequence[int],
    teacher: Divergence | None = None,
) -> Loss:
    """The loss of one batch: `layer` (mean over `layers`) and `label`, each where it has a weight.

    Without a label loss nothing above the deepest steered layer runs, without a layer loss no state is kept.
    """
    label_term = label_term_of(settings, teacher)
    steered = list(layers) if settings.layer_loss_weight else []

    def loss(model: Any, batch: Batch, indices: list[int]) -> dict[str, torch.Tensor]:
        above = contextlib.nullcontext() if label_term is not None else stop_after(model, max(steered))
        with capture(model, steered, [interface]) as states, above:
            final = final_states(model, batch)
        terms = {}
        if steered:
            chosen = {layer: states[interface, layer][batch.supervised] for layer in steered}
            per_layer = [
                layer_loss(found, targets.of(layer, indices).to(found.device))
                for layer, found in chosen.items()
            ]
            terms["layer"] = settings.layer_loss_weight * torch.stack(per_layer).mean()
        if label_term is not None:
            found = label_term(head_logits(model, final), batch.labels[batch.supervised], indices)
            terms["label"] = settings.label_loss_weight * found
        return terms

    return loss


def label_term_of(settings: SemAlign, teacher: Divergence | None) -> LabelTerm | None:
    """The loss on a batch's logits [supervised positions, vocabulary] and labels, or None where there is none.

    Raises ValueError when the settings ask for the divergence and there is no teacher.
    """
    if not settings.has_label_loss:
        return None
    if not settings.reads_logits:
        on_labels = LABEL_LOSSES[settings.label_loss]
        return lambda logits, labels, _indices: on_labels(logits, labels)
    if teacher is None:
        raise ValueError("label_loss kl without a teacher's logits")
    divergence = teacher.loss
    return lambda logits, _labels, indices: divergence(logits, indices)
