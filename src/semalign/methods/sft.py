"""Supervised fine-tuning: cross-entropy on the answers, through LoRA on the paired layers or on all layers."""

from pathlib import Path
from typing import Literal

from semalign.config.methods import Adapted
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.registry import method


class Sft(Adapted):
    """Supervised fine-tuning: a LoRA adapter is trained with cross-entropy on the answers."""

    method: Literal["sft"] = "sft"


@method("sft", title="SFT", settings=Sft)
def transfer(task: TransferTask[Sft], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the answers of the train split."""
    from semalign.methods.common.lora import (
        Adaptation,
        answer_loss,
        chosen_layers,
        load_student_at_work,
        train_student,
    )

    work = load_student_at_work(task)
    layers, passes = chosen_layers(task, work)
    return train_student(task, work, Adaptation(layers, answer_loss), folder, passes)
