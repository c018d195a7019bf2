"""SemAlign's steering: the paired layers learn stored targets (arXiv 2510.24208, "representation steering").

Loss = L_layer + L_out, each over supervised positions only and in float32. Only LoRA factors of the paired layers are
trained. The teacher is not in memory; its aligned states come from the alignment stage.

Options that are not in the paper: other losses on the logits (such as the KL divergence to the teacher's stored logits)
or none; LoRA on all layers, with L_layer still on the paired ones; and training the paired layers one after the other
(`semalign.methods.common.phases`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.adapters import Loss
from semalign.methods.common.answers import Divergence
from semalign.methods.common.lora import Adaptation, all_layers, load_student_at_work, train_student
from semalign.methods.common.phases import train_in_turn
from semalign.methods.common.steered import steered_states
from semalign.methods.common.targets import LayerTargets, Targets
from semalign.methods.semalign import SemAlign
from semalign.models.readout import head_logits
from semalign.runtime.files import read_json
from semalign.signals.distillation.logits import TeacherLogits
from semalign.training.losses import cross_entropy

LabelLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
LabelTerm = Callable[[torch.Tensor, torch.Tensor, list[int]], torch.Tensor]
NEGLIGIBLE = 1e-12


def layer_loss(states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """L_layer = 1 - mean cos(student state, target), both [positions, width].

    From SemAlign, arXiv 2510.24208, "representation steering".
    """
    return 1 - torch.nn.functional.cosine_similarity(states.float(), targets, dim=-1).mean()


def cosine_logits(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """L_out = 1 - mean cos(z, onehot_y) = 1 - mean z_y / |z| for the final logits z and the label y.

    `logits` are [positions, vocabulary], `labels` [positions]. From SemAlign, arXiv 2510.24208, "representation
    steering".
    """
    logits = logits.float()
    labelled = logits.gather(-1, labels[:, None]).squeeze(-1)
    return 1 - (labelled / logits.norm(dim=-1).clamp_min(NEGLIGIBLE)).mean()


def cosine_probabilities(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """1 - mean cos(p, onehot_y) = 1 - mean p_y / |p| with p = softmax(z); shapes as in `cosine_logits`.

    This variant is not in the paper. The normalisation of the softmax cancels, which leaves
    p_y / |p| = exp(z_y - logsumexp(2 z) / 2); this does not overflow.
    """
    logits = logits.float()
    labelled = logits.gather(-1, labels[:, None]).squeeze(-1)
    return 1 - (labelled - (2 * logits).logsumexp(-1) / 2).exp().mean()


# losses of labels alone; `kl` also needs the teacher's logits
LABEL_LOSSES: dict[str, LabelLoss] = {
    "cosine-logits": cosine_logits,
    "cosine-probabilities": cosine_probabilities,
    "cross-entropy": cross_entropy,
}


def steer(task: TransferTask[SemAlign], folder: Path) -> TransferReport:
    """Train the paired layers on the train split, jointly or one after the other, and write the transfer folder."""
    work = load_student_at_work(task)
    settings = task.settings
    alignment = read_json(task.signals["alignment"] / "alignment.json")
    targets = Targets(task.signals["alignment"] / "targets.safetensors", work.examples)
    passes = alignment["teacher_passes"]
    teacher = None
    if settings.reads_logits:
        teacher = TeacherLogits(task.signals["logits"], work.examples)
        passes += teacher.teacher_passes

    def loss_on(layers: Sequence[int]) -> Loss:
        return steering_loss(settings, targets, alignment["interface"], layers, teacher)

    if settings.order == "shallow-to-deep":
        losses = {layer: loss_on([layer]) for layer in targets.layers}
        return train_in_turn(task, work, losses, folder, passes)
    adapted = all_layers(work) if settings.layers == "all" else targets.layers
    return train_student(task, work, Adaptation(adapted, loss_on(targets.layers)), folder, passes)


def steering_loss(
    settings: SemAlign,
    targets: LayerTargets,
    interface: str,
    layers: Sequence[int],
    teacher: Divergence | None = None,
) -> Loss:
    """The loss terms of one batch: `layer` (mean over `layers`) and `label`, each if its weight is not zero.

    Without a label loss, no layer above the deepest steered one is run; without a layer loss, no states are kept.
    """
    label_term = label_term_of(settings, teacher)
    steered = list(layers) if settings.layer_loss_weight else []

    def loss(model: Any, batch: Batch, indices: list[int]) -> dict[str, torch.Tensor]:
        states, final = steered_states(model, batch, steered, interface, answers=label_term is not None)
        terms = {}
        if states:
            per_layer = [
                layer_loss(rows, targets.of(layer, indices).to(rows.device)) for layer, rows in states.items()
            ]
            terms["layer"] = settings.layer_loss_weight * torch.stack(per_layer).mean()
        if label_term is not None and final is not None:
            on_labels = label_term(head_logits(model, final), batch.labels[batch.supervised], indices)
            terms["label"] = settings.label_loss_weight * on_labels
        return terms

    return loss


def label_term_of(settings: SemAlign, teacher: Divergence | None) -> LabelTerm | None:
    """The loss on a batch's logits [supervised positions, vocabulary] and labels, or None if there is none.

    Raises ValueError if the settings need the KL divergence and `teacher` is None.
    """
    if not settings.has_label_loss:
        return None
    if not settings.reads_logits:
        on_labels = LABEL_LOSSES[settings.label_loss]
        return lambda logits, labels, _indices: on_labels(logits, labels)
    if teacher is None:
        raise ValueError("label_loss: found kl without the teacher's logits, expected them")
    divergence = teacher.loss
    return lambda logits, _labels, indices: divergence(logits, indices)
