"""Supervised fine-tuning: cross-entropy on the answers through LoRA, of the paired layers or of all."""

from pathlib import Path

from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.lora import answer_loss, chosen_layers, load_student_at_work, train_student


def transfer(task: TransferTask, folder: Path) -> TransferReport:
    """Train on the train split at the budget that the settings name."""
    work = load_student_at_work(task)
    layers, passes = chosen_layers(task, work)
    return train_student(task, work, layers, answer_loss, folder, teacher_passes=passes)
