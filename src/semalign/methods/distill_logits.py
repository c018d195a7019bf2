"""Distillation of the teacher's next-token distribution (Hinton et al., arXiv 1503.02531, section 2).

Loss = T^2 KL(teacher || student) over the teacher's k likeliest tokens and one rest, at the temperature T of the
stored distributions, + a weight times cross-entropy on the answers; both over supervised positions.
"""

from pathlib import Path
from typing import Any

import torch

from semalign.adapters import Loss, answer_logits
from semalign.benchmarks.encoding import Batch
from semalign.config.methods import DistillLogits
from semalign.distillation.logits import TeacherLogits
from semalign.losses import cross_entropy
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.lora import chosen_layers, load_student_at_work, train_student


def transfer(task: TransferTask, folder: Path) -> TransferReport:
    """Train on the train split against the stored distributions."""
    work = load_student_at_work(task)
    layers, passes = chosen_layers(task, work)
    teacher = TeacherLogits(task.signals["logits"], work.examples)
    loss = distribution_loss(task.settings, teacher)
    return train_student(task, work, layers, loss, folder, passes + teacher.teacher_passes)


def distribution_loss(settings: DistillLogits, teacher: TeacherLogits) -> Loss:
    """The loss of one batch: `kl`, and `label` where it has a weight."""

    def loss(model: Any, batch: Batch, indices: list[int]) -> dict[str, torch.Tensor]:
        logits = answer_logits(model, batch)
        terms = {"kl": teacher.loss(logits, indices)}
        if settings.label_loss_weight:
            labels = batch.labels[batch.supervised]
            terms["label"] = settings.label_loss_weight * cross_entropy(logits, labels)
        return terms

    return loss
