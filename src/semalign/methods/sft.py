"""Supervised fine-tuning: cross-entropy on the answers through LoRA, of the paired layers or of all."""

from pathlib import Path
from typing import Literal

from semalign.config.methods import Adapted
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.registry import method


class Sft(Adapted):
    """Supervised fine-tuning: cross-entropy on the answers through LoRA."""

    method: Literal["sft"] = "sft"


@method("sft", title="SFT", settings=Sft)
def transfer(task: TransferTask[Sft], folder: Path) -> TransferReport:
    """Train on the train split at the budget that the settings name."""
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
