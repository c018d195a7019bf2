"""What methods that train a LoRA adapter on the student share: load it, train it, store it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semalign.adapters import Loss, adapt, save_adapter, train_adapter
from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import Encoded, encode
from semalign.methods.base import TransferReport, TransferTask
from semalign.models.loading import load_model, load_tokenizer
from semalign.models.transfers import write_transfer


@dataclass(frozen=True)
class Work:
    """The student in memory and the encoded train split."""

    model: Any
    examples: list[Encoded]
    pad_id: int


def load_student_at_work(task: TransferTask) -> Work:
    """Load what every training needs; the teacher is never loaded here."""
    tokenizer = load_tokenizer(task.student)
    examples = [encode(example, tokenizer) for example in read_split(task.benchmark, "train")]
    return Work(load_model(task.student), examples, tokenizer.pad_token_id or 0)


def train_student(
    task: TransferTask, work: Work, layers: Sequence[int], loss: Loss, folder: Path, teacher_passes: int = 0
) -> TransferReport:
    """Adapt `layers` of the student with `loss` and write the transfer folder."""
    adapted = adapt(work.model, layers, task.settings.lora, task.seed)
    trained = train_adapter(
        adapted,
        work.examples,
        loss,
        task.settings.optimisation,
        seed=task.seed,
        pad_id=work.pad_id,
        checkpoint=task.checkpoint,
        label=task.label,
        identity=task.identity,
    )
    save_adapter(adapted, folder, task.student.name)
    write_transfer(folder, "adapter")
    return TransferReport(trained.trainable_parameters, teacher_passes, trained.history)
