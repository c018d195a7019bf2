"""Supervised fine-tuning: cross-entropy on the answers through LoRA, of the paired layers or of all."""

from pathlib import Path
from typing import Any

import torch

from semalign.adapters import answer_logits
from semalign.benchmarks.encoding import Batch
from semalign.config.methods import Sft
from semalign.files import read_json
from semalign.losses import cross_entropy
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.lora import load_student_at_work, train_student
from semalign.models.anatomy import layers_of


def transfer(task: TransferTask, folder: Path) -> TransferReport:
    """Train on the train split at the budget that the settings name."""
    settings: Sft = task.settings
    work = load_student_at_work(task)
    if settings.layers == "all":
        return train_student(task, work, range(1, len(layers_of(work.model)) + 1), _loss, folder)
    paired = read_json(task.signals["pairing"] / "pairing.json")
    layers = [pair["student"] for pair in paired["pairs"]]
    return train_student(task, work, layers, _loss, folder, teacher_passes=paired["teacher_passes"])


def _loss(model: Any, batch: Batch, _indices: list[int]) -> dict[str, torch.Tensor]:
    return {"cross_entropy": cross_entropy(answer_logits(model, batch), batch.labels[batch.supervised])}
