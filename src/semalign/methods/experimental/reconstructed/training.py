"""Training of the reconstructions: a loss on the paired layers' states, a KL divergence on the outputs.

Loss of a batch = layer_loss_weight * mean over the steered layers of the layer loss
+ divergence_weight * KL(teacher || student) on the stored logits
+ label_loss_weight * cross-entropy on the answers, over supervised positions.

In joint training, all paired layers are steered. With order shallow-to-deep, a phase trains one layer, and only its
layer loss counts; the losses on the outputs are kept in every phase.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.adapters import Loss
from semalign.methods.common.answers import Divergence, answer_terms
from semalign.methods.common.lora import Adaptation, chosen_layers, load_student_at_work, train_student
from semalign.methods.common.phases import train_in_turn
from semalign.methods.common.steered import steered_states
from semalign.methods.common.targets import Targets
from semalign.methods.experimental.reconstructed import Reconstructed
from semalign.models.readout import head_logits
from semalign.runtime.files import read_json
from semalign.signals.distillation.logits import TeacherLogits

# loss of a layer's states and targets, both [positions, width]; the model is passed for its final norm and head
LayerLoss = Callable[[Any, torch.Tensor, torch.Tensor], torch.Tensor]


def reconstruct(task: TransferTask[Reconstructed], layer_loss: LayerLoss, folder: Path) -> TransferReport:
    """Train a LoRA adapter towards the stored targets and distributions, in the order of the settings."""
    work = load_student_at_work(task)
    alignment = read_json(task.signals["alignment"] / "alignment.json")
    targets = Targets(task.signals["alignment"] / "targets.safetensors", work.examples)
    passes = alignment["teacher_passes"]
    teacher = None
    if task.settings.divergence_weight:
        teacher = TeacherLogits(task.signals["logits"], work.examples)
        passes += teacher.teacher_passes

    def loss_on(layers: Sequence[int]) -> Loss:
        return reconstructed_loss(task.settings, layer_loss, targets, layers, alignment["interface"], teacher)

    if task.settings.order == "shallow-to-deep":
        return train_in_turn(task, work, {k: loss_on([k]) for k in targets.layers}, folder, passes)
    adapted, _ = chosen_layers(task, work)
    return train_student(task, work, Adaptation(adapted, loss_on(targets.layers)), folder, passes)


def reconstructed_loss(
    settings: Reconstructed,
    layer_loss: LayerLoss,
    targets: Targets,
    layers: Sequence[int],
    interface: str,
    teacher: Divergence | None,
) -> Loss:
    """The loss terms of one batch: `layer` (mean over `layers`), `kl` and `label`, each if it is used.

    Without a loss on the answers, no layer above the deepest steered one is run.
    """
    steered = list(layers) if settings.layer_loss_weight else []
    weights = settings.label_loss_weight, settings.divergence_weight

    def loss(model: Any, batch: Batch, indices: list[int]) -> dict[str, torch.Tensor]:
        states, final = steered_states(model, batch, steered, interface, answers=any(weights))
        terms = {}
        if states:
            per_layer = [
                layer_loss(model, rows, targets.of(layer, indices).to(rows.device))
                for layer, rows in states.items()
            ]
            terms["layer"] = settings.layer_loss_weight * torch.stack(per_layer).mean()
        if final is None:
            return terms
        return terms | answer_terms(head_logits(model, final), batch, indices, teacher, *weights)

    return loss
