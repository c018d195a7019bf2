"""Distillation of the teacher's next-token distribution, from its stored final states and its LM head.

The loss is that of `semalign.methods.distill_logits` over all shared tokens: T^2 KL(teacher || student) +
label_loss_weight * cross-entropy on the answers, over supervised positions. Of the teacher, only the head is in memory.
The temperature is a setting of this method, because the stored states do not depend on it.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from semalign.config.methods import Adapted
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.registry import method


class DistillStates(Adapted):
    """Distillation of the teacher's full next-token distribution, from its stored final states and its LM head.

    This stores D_T floats per token (D_T is the teacher's width), however many tokens the vocabulary has.
    """

    method: Literal["distill-states"] = "distill-states"
    temperature: float = Field(1.0, gt=0, description="temperature of both distributions")
    label_loss_weight: float = Field(
        0.0, ge=0, description="weight of cross-entropy on the answers, added to the KL divergence"
    )

    @property
    def needs(self) -> tuple[str, ...]:
        """The teacher's final states; and the pairing, if only paired layers are adapted."""
        return ("states", *super().needs)


@method(
    "distill-states",
    title="Logit distillation from states",
    paper="arXiv:1503.02531",
    settings=DistillStates,
)
def transfer(task: TransferTask[DistillStates], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the train split towards the distributions that the stored states give."""
    from semalign.methods.common.answers import divergence_loss
    from semalign.methods.common.lora import Adaptation, chosen_layers, load_student_at_work, train_student
    from semalign.signals.distillation.states import TeacherStates

    work = load_student_at_work(task)
    layers, passes = chosen_layers(task, work)
    states = task.signals["states"]
    teacher = TeacherStates(states, task.teacher, task.student, work.examples, task.settings.temperature)
    loss = divergence_loss(teacher, task.settings.label_loss_weight)
    return train_student(task, work, Adaptation(layers, loss), folder, passes + teacher.teacher_passes)
