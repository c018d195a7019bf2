"""Flex-KD's training: the student's final state is trained to correlate with the teacher's top units.

From the paper (arXiv 2507.10155, section 3): units of the teacher's last hidden layer are ranked by the magnitude of a
gradient summed over the task's data (`signals.distillation.units`), and the top D_S are kept (the student's width).
A correlation loss without a projector ties the student's last hidden layer to them. Task loss and logit distillation
may be added.

Only summaries of the paper were available, so the following is this implementation's reading:

- The correlation is Pearson's, for each unit over the supervised positions of a batch. The loss is 1 minus its mean
  over the units.
- The last hidden layer is the input of the LM head.
- The terms are added with weights.
- LoRA is trained instead of all weights, as for all methods of a study.
"""

from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.adapters import Loss
from semalign.methods.common.answers import answer_terms
from semalign.methods.common.lora import Adaptation, chosen_layers, load_student_at_work, train_student
from semalign.methods.flex_kd import FlexKd
from semalign.models.readout import final_states, head_logits
from semalign.runtime.files import read_json
from semalign.signals.distillation.logits import TeacherLogits
from semalign.signals.stored import Stored
from semalign.training.losses import correlation_loss


def distill(task: TransferTask[FlexKd], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the train split towards the teacher's stored units."""
    work = load_student_at_work(task)
    layers, passes = chosen_layers(task, work)
    passes += read_json(task.signals["units"] / "units.json")["teacher_passes"]
    units = Stored(task.signals["units"] / "units.safetensors", work.examples)
    logits = None
    if task.settings.logit_loss_weight:
        logits = TeacherLogits(task.signals["logits"], work.examples)
        passes += logits.teacher_passes
    loss = units_loss(task.settings, units, logits)
    return train_student(task, work, Adaptation(layers, loss), folder, passes)


def units_loss(settings: FlexKd, units: Stored, logits: TeacherLogits | None) -> Loss:
    """The loss terms of one batch: `layer` (correlation), and `label` and `kl` if their weights are not zero."""

    def loss(model: Any, batch: Batch, indices: list[int]) -> dict[str, torch.Tensor]:
        states = final_states(model, batch)
        targets = units.of("states", indices).to(states.device)
        terms = {"layer": settings.layer_loss_weight * correlation_loss(states, targets)}
        of_student = head_logits(model, states)
        weights = settings.label_loss_weight, settings.logit_loss_weight
        return terms | answer_terms(of_student, batch, indices, logits, *weights)

    return loss
