"""Training towards the student's own states plus displacements that a signal stage stored, times a factor."""

from pathlib import Path
from typing import Any

from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.lora import Adaptation, chosen_layers, load_student_at_work, train_student
from semalign.methods.displaced.training import displaced_loss, goals_of, logits_of, own_states
from semalign.runtime.files import read_json
from semalign.signals.displacement import read_displacements


def train_towards_stored(
    task: TransferTask[Any], stage: str, folder: Path, factor: float = 1.0
) -> TransferReport:
    """Train a LoRA adapter on the train split towards own states plus `factor` times the displacements of `stage`."""
    work = load_student_at_work(task)
    layers, _ = chosen_layers(task, work)
    untouched = own_states(work, layers, task.settings.interface)
    moves = read_displacements(task.signals[stage], work.examples, layers)
    goals = goals_of({layer: untouched[layer] + factor * moves[layer] for layer in layers}, untouched)
    teacher = logits_of(task, work)
    passes = read_json(task.signals[stage] / f"{stage}.json")["teacher_passes"]
    passes += teacher.teacher_passes if teacher else 0
    loss = displaced_loss(task.settings, goals, work.examples, teacher)
    return train_student(task, work, Adaptation(layers, loss), folder, passes)
