"""The loss of residual geometry, a reconstruction from one sentence.

The abstract of the later versions of SemAlign (arXiv 2510.24208) mentions residual geometry (centred relations between
tokens in what a layer adds to the residual stream, matched to the aligned supervision) with a divergence on the
outputs. Their loss, weights and training recipe were not available, and results of this method are not meant to
represent the paper's.

Loss of a batch = layer_loss_weight * mean over the paired layers of 1 - CKA(contributions, targets)
+ divergence_weight * KL(teacher || student) on the stored logits
+ label_loss_weight * cross-entropy on the answers, over supervised positions.

A contribution is a layer's output minus its input. Targets come from the alignment stage and are made from the
teacher's contributions.

The abstract leaves the following open:

- Relations are taken as the centred Gram matrix of a layer's states and compared by linear CKA
  (`losses.relation_loss`). CKA does not change under rotation and scaling. Of the semantic map, only its effect on
  angles and lengths therefore matters; of the alignment's normalisation, only relative lengths.
- Centring and relations cover the answers of all examples in a batch, not the whole split or the tokens of a single
  example. Smaller batches thus compare fewer tokens.
- CKA is the plain one, whose bias grows with the ratio of width to positions. The debiased one varies more in small
  batches.
- Weights, schedule and adapted matrices are those of version 1 of the paper.
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
    """Train a LoRA adapter on the train split towards the stored targets and distributions."""
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
    """The loss terms of one batch: `layer` (mean over the paired layers), `kl` and `label`, each if it is used."""
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
