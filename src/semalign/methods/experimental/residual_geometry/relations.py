"""The loss of residual geometry, and what had to be reconstructed.

A reconstruction from one sentence. The abstract of the paper's later versions speaks of residual geometry (centred
relations of tokens in what a layer adds to the residual stream, against the aligned supervision) with a divergence
on the outputs; no loss, weight or recipe of theirs was at hand, and no figure of theirs is claimed by this.

Loss of a batch = layer_loss_weight x the mean over the paired layers of 1 - CKA(contributions, targets)
+ divergence_weight x KL(teacher || student) on the stored logits + label_loss_weight x cross-entropy on the answers,
each if it has a weight, over supervised positions. Contribution: the layer's output less its input. Targets are
the alignment stage's, made from the teacher's contributions.

Reconstructed, and open in the source:
- relations are the centred Gram matrix of a layer's states, compared by linear CKA (`losses.relation_loss`). It is
  blind to rotation and scale, so that a map may turn targets without being noticed: of the semantic map only what
  it does to angles and lengths matters, and of the alignment's normalisation only the relative lengths;
- centring and relations are those of one batch, over the answers of all its examples, and not of the whole split
  or of one example's tokens: smaller batches compare fewer tokens;
- the plain CKA, whose bias grows with width over positions; the debiased one varies more in small batches;
- the weights, the schedule and the adapted matrices, which are those of version 1.
"""

from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.adapters import Loss
from semalign.methods.common.answers import Divergence, answer_terms
from semalign.methods.common.lora import Adaptation, chosen_layers, load_student_at_work, train_student
from semalign.methods.common.targets import Targets
from semalign.methods.experimental.residual_geometry import ResidualGeometry
from semalign.models.anatomy import capture
from semalign.models.readout import answer_logits
from semalign.runtime.files import read_json
from semalign.signals.distillation.logits import TeacherLogits
from semalign.training.losses import relation_loss


def relate(task: TransferTask[ResidualGeometry], folder: Path) -> TransferReport:
    """Train on the train split against the stored targets and distributions."""
    work = load_student_at_work(task)
    layers, _ = chosen_layers(task, work)
    alignment = read_json(task.signals["alignment"] / "alignment.json")
    targets = Targets(task.signals["alignment"] / "targets.safetensors", work.examples)
    passes = alignment["teacher_passes"]
    teacher = None
    if task.settings.divergence_weight:
        teacher = TeacherLogits(task.signals["logits"], work.examples)
        passes += teacher.teacher_passes
    loss = geometry_loss(task.settings, targets, alignment["interface"], teacher)
    return train_student(task, work, Adaptation(layers, loss), folder, passes)


def geometry_loss(
    settings: ResidualGeometry, targets: Targets, interface: str, teacher: Divergence | None
) -> Loss:
    """The loss of one batch: `layer` (mean over the paired layers), `kl` and `label`, each if it has a weight."""
    related = targets.layers if settings.layer_loss_weight else []
    weights = settings.label_loss_weight, settings.divergence_weight

    def loss(model: Any, batch: Batch, indices: list[int]) -> dict[str, torch.Tensor]:
        with capture(model, related, [interface]) as states:
            logits = answer_logits(model, batch)
        terms = {}
        if related:
            per_layer = [
                relation_loss(
                    states[interface, layer][batch.supervised],
                    targets.of(layer, indices).to(logits.device),
                )
                for layer in related
            ]
            terms["layer"] = settings.layer_loss_weight * torch.stack(per_layer).mean()
        return terms | answer_terms(logits, batch, indices, teacher, *weights)

    return loss
