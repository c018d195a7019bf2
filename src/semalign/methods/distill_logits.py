"""Distillation of the teacher's next-token distribution, from its stored likeliest tokens.

Loss = T^2 KL(teacher || student) + label_loss_weight * cross-entropy on the answers, over supervised positions (Hinton
et al., arXiv 1503.02531, section 2). The divergence covers the teacher's k likeliest tokens and the rest as one
outcome. T is the temperature at which the distributions were stored.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from semalign.config.methods import Adapted
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.registry import method


class DistillLogits(Adapted):
    """Distillation of the teacher's next-token distribution, from stored logits of its likeliest tokens."""

    method: Literal["distill-logits"] = "distill-logits"
    label_loss_weight: float = Field(
        0.0, ge=0, description="weight of cross-entropy on the answers, added to the KL divergence"
    )

    @property
    def needs(self) -> tuple[str, ...]:
        """The teacher's stored logits; and the pairing, if only paired layers are adapted."""
        return ("logits", *super().needs)


@method("distill-logits", title="Logit distillation", paper="arXiv:1503.02531", settings=DistillLogits)
def transfer(task: TransferTask[DistillLogits], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the train split towards the stored distributions."""
    from semalign.methods.common.answers import divergence_loss
    from semalign.methods.common.lora import Adaptation, chosen_layers, load_student_at_work, train_student
    from semalign.signals.distillation.logits import TeacherLogits

    work = load_student_at_work(task)
    layers, passes = chosen_layers(task, work)
    teacher = TeacherLogits(task.signals["logits"], work.examples)
    loss = divergence_loss(teacher, task.settings.label_loss_weight)
    return train_student(task, work, Adaptation(layers, loss), folder, passes + teacher.teacher_passes)
