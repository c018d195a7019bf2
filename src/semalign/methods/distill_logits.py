"""Distillation of the teacher's next-token distribution (Hinton et al., arXiv 1503.02531, section 2).

Loss = T^2 KL(teacher || student) over the teacher's k likeliest tokens and one rest, at the temperature T of the
stored distributions, + a weight times cross-entropy on the answers; both over supervised positions.
"""

from pathlib import Path

from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.answers import divergence_loss
from semalign.methods.common.lora import chosen_layers, load_student_at_work, train_student
from semalign.signals.distillation.logits import TeacherLogits


def transfer(task: TransferTask, folder: Path) -> TransferReport:
    """Train on the train split against the stored distributions."""
    work = load_student_at_work(task)
    layers, passes = chosen_layers(task, work)
    teacher = TeacherLogits(task.signals["logits"], work.examples)
    loss = divergence_loss(teacher, task.settings.label_loss_weight)
    return train_student(task, work, layers, loss, folder, passes + teacher.teacher_passes)
