"""Seeking (arXiv 2310.11451): fine-tuning through LoRA that begins at the teacher's most sensitive sub-matrices.

The teacher gives an initial subspace and scale, nothing else: the frozen weights lose what the adapter begins with, so
that the first forward pass is the student's. SemAlign's paper writes the whole window in the place of that product;
the released code subtracts the product of rank r, which is followed here. In half precision the difference is rounded
while training; what is exported are factors in float32 beside the student's own weights.
"""

from pathlib import Path

from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.lora import answer_loss, chosen_layers, load_student_at_work, train_student
from semalign.runtime.files import read_json
from semalign.signals.extraction.factors import read_factors


def transfer(task: TransferTask, folder: Path) -> TransferReport:
    """Train on the train split from the factors that the extraction stage stored."""
    extraction = task.signals["extraction"]
    work = load_student_at_work(task)
    layers, passes = chosen_layers(task, work)
    passes += read_json(extraction / "extraction.json")["teacher_passes"]
    start = read_factors(extraction)
    return train_student(task, work, layers, answer_loss, folder, teacher_passes=passes, start=start)
