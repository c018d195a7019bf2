"""Distillation of the teacher's next-token distribution from its stored final states and its LM head.

The loss is that of `semalign.methods.distill_logits` with all shared tokens stored: T^2 KL(teacher || student), +
a weight times cross-entropy on the answers, both over supervised positions. Of the teacher only the head is in
memory. The temperature is the method's own, since what is stored does not depend on it.
"""

from pathlib import Path

from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.answers import divergence_loss
from semalign.methods.common.lora import chosen_layers, load_student_at_work, train_student
from semalign.signals.distillation.states import TeacherStates


def transfer(task: TransferTask, folder: Path) -> TransferReport:
    """Train on the train split against the stored states."""
    work = load_student_at_work(task)
    layers, passes = chosen_layers(task, work)
    stored, temperature = task.signals["states"], task.settings.temperature
    teacher = TeacherStates(stored, task.teacher, task.student, work.examples, temperature)
    loss = divergence_loss(teacher, task.settings.label_loss_weight)
    return train_student(task, work, layers, loss, folder, passes + teacher.teacher_passes)
