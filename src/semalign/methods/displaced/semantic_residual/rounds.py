"""Training towards the semantic residual, once or in rounds.

The first round's targets are the untouched student's states plus its residual, which a signal stage stored. After each
round but the last, states and predictions are read from the steered student: its states plus its own residual are the
next targets. Targets thus accumulate. Each round starts from the same initial factors, with the same seed, examples and
schedule. Each keeps its last checkpoint, so that an interrupted run does not repeat finished rounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from semalign.config.displacements import Residual
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.adapters import Trained, Training, Work, adapt, save_adapter, train_adapter
from semalign.methods.common.lora import chosen_layers, load_student_at_work
from semalign.methods.displaced.semantic_residual import SemanticResidual
from semalign.methods.displaced.training import (
    BATCH,
    displaced_loss,
    evaluating,
    goals_of,
    logits_of,
    own_states,
)
from semalign.models.states import answer_tokens, read_final_states
from semalign.models.transfers import write_transfer
from semalign.runtime.files import read_json
from semalign.runtime.provenance import RECORD
from semalign.signals.displacement import read_displacements, scaled
from semalign.signals.distillation.states import NAME
from semalign.signals.residual.recomposition import Recomposition
from semalign.signals.stored import Stored
from semalign.training.checkpoint import Checkpoint


@dataclass(frozen=True)
class Steered:
    """A steered student: its PEFT model, the training of each round, and the passes that its targets took."""

    adapted: Any
    rounds: list[Trained]
    teacher_passes: int


def train_in_rounds(task: TransferTask[SemanticResidual], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the train split and write the transfer folder; the last round's adapter is kept."""
    steered = steer_in_rounds(task, load_student_at_work(task))
    save_adapter(steered.adapted, folder, task.student.name)
    write_transfer(folder, "adapter")
    trainable = steered.rounds[-1].trainable_parameters
    return TransferReport(trainable, steered.teacher_passes, joined(steered.rounds))


def steer_in_rounds(task: TransferTask[SemanticResidual], work: Work, more_follows: bool = False) -> Steered:
    """Steer the loaded student, which is left with the last round's adapter.

    If `more_follows`, the last round keeps its last checkpoint too, so that a further phase can be interrupted.
    """
    settings = task.settings
    layers, passes = chosen_layers(task, work)
    untouched = own_states(work, layers, settings.interface)
    moves = read_displacements(task.signals["residual"], work.examples, layers)
    teacher = logits_of(task, work)
    renewal = Renewal(task, work) if settings.rounds > 1 else None
    adapted = adapt(work.model, layers, settings.lora, task.seed)
    start = Factors(work.model)
    states, done = untouched, list[Trained]()
    for number in range(1, settings.rounds + 1):
        if renewal is not None and number > 1:
            states = own_states(work, layers, settings.interface)
            moves = dict.fromkeys(layers, renewal.displacement(work))
            start.restore()
        targets = {k: states[k] + scaled(moves[k], states[k], settings.rho) for k in layers}
        loss = displaced_loss(settings, goals_of(targets, untouched), work.examples, teacher)
        done.append(train_adapter(work, loss, _training(task, number, more_follows)))
    passes += read_json(task.signals["residual"] / "residual.json")["teacher_passes"]
    passes += teacher.teacher_passes if teacher else 0
    return Steered(adapted, done, passes)


def _training(task: TransferTask[SemanticResidual], number: int, more_follows: bool) -> Training:
    rounds = task.settings.rounds
    label = task.label if rounds == 1 else f"{task.label}, round {number} of {rounds}"
    folder = task.checkpoint if rounds == 1 else task.checkpoint / f"round{number}"
    checkpoint = Checkpoint(folder, identity=task.identity, save_last=rounds > 1 or more_follows)
    return Training(task.settings.optimisation, task.seed, label, checkpoint)


def joined(trainings: Sequence[Trained]) -> list[dict[str, float]]:
    """The histories of trainings in a row, with updates numbered continuously."""
    rows: list[dict[str, float]] = []
    for trained in trainings:
        before = rows[-1]["step"] if rows else 0
        rows += [{**row, "step": before + row["step"]} for row in trained.history]
    return rows


class Factors:
    """The initial values of the parameters that are trained."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.values = [p.detach().clone() for p in self.parameters]

    def restore(self) -> None:
        """Set the parameters to their initial values."""
        with torch.no_grad():
            for parameter, value in zip(self.parameters, self.values, strict=True):
                parameter.copy_(value)


class Renewal:
    """Makes the residual of the steered student, with the settings of the stored one."""

    def __init__(self, task: TransferTask[SemanticResidual], work: Work) -> None:
        settings = Residual(**read_json(task.signals["residual"] / RECORD)["settings"])
        states = task.signals["states"] / NAME
        Stored(states, work.examples)  # refuses other positions
        # all of the split, as for the stored residual: shuffled positions are drawn among them
        self.taught = load_file(states)["states"]
        self.recomposition = Recomposition.read(task.teacher, task.student, settings, work.model.device)

    def displacement(self, work: Work) -> Tensor:
        """The residual [positions, width] of the student as it is now."""
        with evaluating(work.model):
            own = read_final_states(work.model, work.examples, BATCH, work.pad_id)
        return self.recomposition.of(self.taught, own, answer_tokens(work.examples)).displacement
