"""Distillation of the teacher's next-token distribution, from its stored likeliest tokens.

As Hinton et al. in section 2. Loss = T^2 KL(teacher || student) over the teacher's k likeliest tokens and one rest, at
the temperature T of the stored distributions, + a weight times cross-entropy on the answers; both over supervised
positions.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from semalign.config.methods import Adapted
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.registry import method


class DistillLogits(Adapted):
    """Distillation of the teacher's next-token distribution, from stored logits."""

    method: Literal["distill-logits"] = "distill-logits"
    label_loss_weight: float = Field(
        0.0, ge=0, description="weight of cross-entropy beside the KL divergence"
    )

    @property
    def needs(self) -> tuple[str, ...]:
        """The teacher's logits."""
        return ("logits", *super().needs)


@method("distill-logits", title="Logit distillation", paper="arXiv:1503.02531", settings=DistillLogits)
def transfer(task: TransferTask[DistillLogits], folder: Path) -> TransferReport:
    """Train on the train split against the stored distributions."""
    from semalign.methods.common.answers import divergence_loss
    from semalign.methods.common.lora import Adaptation, chosen_layers, load_student_at_work, train_student
    from semalign.signals.distillation.logits import TeacherLogits

    work = load_student_at_work(task)
    layers, passes = chosen_layers(task, work)
    teacher = TeacherLogits(task.signals["logits"], work.examples)
    loss = divergence_loss(teacher, task.settings.label_loss_weight)
    return train_student(task, work, Adaptation(layers, loss), folder, passes + teacher.teacher_passes)
