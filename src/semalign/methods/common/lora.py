"""Shared parts of methods that train a LoRA adapter: load the student, train the adapter, save it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.base import Example, read_split
from semalign.benchmarks.encoding import Batch, encode
from semalign.config.methods import Adapted
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.adapters import Loss, Training, Work, adapt, save_adapter, train_adapter
from semalign.models.anatomy import layers_of
from semalign.models.loading import load_model, load_tokenizer
from semalign.models.readout import answer_logits
from semalign.models.transfers import write_transfer
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json
from semalign.training.checkpoint import Checkpoint
from semalign.training.losses import cross_entropy
from semalign.training.low_rank import Start, begin_at, fold_start


@dataclass(frozen=True)
class Adaptation:
    """Which layers are adapted, with which loss.

    An adapter on the student's `layers` (from 1) is trained with `loss`. `extra` is trained with it and not saved.
    `start` holds the adapter's initial factors, whose product is subtracted from the frozen weights; without it, the
    adapter's initial product is zero.
    """

    layers: Sequence[int]
    loss: Loss
    extra: torch.nn.Module | None = None
    start: Start | None = None


def load_student_at_work(task: TransferTask[Adapted]) -> Work:
    """Load the student and encode its train examples. The teacher is not loaded."""
    tokenizer = load_tokenizer(task.student)
    examples = [encode(example, tokenizer) for example in train_examples(task)]
    return Work(load_model(task.student), examples, tokenizer.pad_token_id or 0)


def train_examples(task: TransferTask[Adapted]) -> list[Example]:
    """The first `optimisation.examples` examples of the train split, or all of them.

    Raises UserError if the split has fewer, since results would then be reported for a wrong number of examples.
    """
    split = read_split(task.benchmark, "train")
    count = task.settings.optimisation.examples
    if count is not None and count > len(split):
        raise UserError(
            f"optimisation.examples: found {count}, expected at most the {len(split)} examples of the train split "
            f"of {task.benchmark.name}"
        )
    return split[:count]


def all_layers(work: Work) -> list[int]:
    """Every layer of the student, numbered from 1."""
    return list(range(1, len(layers_of(work.model)) + 1))


def chosen_layers(task: TransferTask[Adapted], work: Work) -> tuple[list[int], int]:
    """The layers to adapt, and the number of teacher passes that choosing them took."""
    chosen = {"all": slice(None), "first": slice(1), "last": slice(-1, None)}.get(task.settings.layers)
    if chosen is not None:
        return all_layers(work)[chosen], 0
    paired = read_json(task.signals["pairing"] / "pairing.json")
    return [pair["student"] for pair in paired["pairs"]], paired["teacher_passes"]


def answer_loss(model: Any, batch: Batch, _indices: list[int]) -> dict[str, torch.Tensor]:
    """Cross-entropy on the answers, the loss of fine-tuning."""
    return {"cross_entropy": cross_entropy(answer_logits(model, batch), batch.labels[batch.supervised])}


def train_student(
    task: TransferTask[Adapted], work: Work, adaptation: Adaptation, folder: Path, teacher_passes: int = 0
) -> TransferReport:
    """Train an adapter and write the transfer folder; `teacher_passes` is passed on to the report."""
    settings = task.settings
    start = adaptation.start
    adapted = adapt(work.model, adaptation.layers, settings.lora, task.seed)
    if start is not None:
        begin_at(adapted, start)
    checkpoint = Checkpoint(task.checkpoint, identity=task.identity)
    training = Training(settings.optimisation, task.seed, task.label, checkpoint)
    trained = train_adapter(work, adaptation.loss, training, adaptation.extra)
    if start is not None:
        fold_start(adapted, start)
    save_adapter(adapted, folder, task.student.name)
    write_transfer(folder, "adapter")
    return TransferReport(trained.trainable_parameters, teacher_passes, trained.history)
