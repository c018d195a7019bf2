"""Prox's targets: solve for one per position through the student's head, then train towards them.

A target is computed once per token (`solver`): through the student's final norm and head, it predicts what the
teacher's layer predicts through the teacher's norm and head, while it stays near the student's own state. Training is
that of `semalign.methods.experimental.anchored`. The teacher is not in memory: its block outputs are stored, and only
its final norm and head are read. Without a loss on the answers, layers above the deepest paired one are not trained.

Design choices:

- Unit of distance: |h - h0|^2 is divided by the states' total variance, which makes it independent of the width.
- Learning rate of the solver: constant, in units of the states' standard deviation. The best state on the path is kept.
- Tokens: the teacher's distribution covers the shared tokens, the student's its whole vocabulary.
- Teacher layer: that of the pairing; if it interpolates, the two adjacent layers are mixed before the norm.
- Several layers: their losses are averaged.
"""

import logging
import math
from pathlib import Path

import torch

from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.lora import Work, load_student_at_work
from semalign.methods.common.targets import paired_states
from semalign.methods.experimental.anchored.training import (
    INTERFACE,
    Anchor,
    own_states,
    read_pairs,
    train_anchored,
)
from semalign.methods.experimental.prox import Prox
from semalign.methods.experimental.prox.solver import LOGITS_AT_ONCE, Solver
from semalign.models.readout import Readout, read_readout, readout_of
from semalign.models.vocabulary import common_tokens
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json
from semalign.signals.pairing import LayerPair
from semalign.signals.stored import Stored

logger = logging.getLogger("semalign")


def solve_and_train(task: TransferTask[Prox], folder: Path) -> TransferReport:
    """Solve for the targets, then train a LoRA adapter towards them on the train split."""
    activations = read_json(task.signals["activations"] / "activations.json")
    if activations["interface"] != INTERFACE:
        raise UserError(
            f"activations.interface: found {activations['interface']!r}, expected {INTERFACE!r}: prox reads the "
            "teacher's states through its final norm and head"
        )
    work = load_student_at_work(task)
    pairs, _ = read_pairs(task)
    anchors = proximal_anchors(task, work, pairs)
    return train_anchored(task, work, anchors, folder, activations["teacher_passes"])


def proximal_anchors(task: TransferTask[Prox], work: Work, pairs: list[LayerPair]) -> dict[int, Anchor]:
    """Anchors of the paired student layers at their proximal targets."""
    path = task.signals["activations"] / "activations.safetensors"
    of_teacher, of_student = common_tokens(task.teacher, task.student)
    teacher = read_readout(task.teacher, of_teacher)
    own = own_states(work, pairs)
    anchors = {}
    for layer, hidden in paired_states(Stored(path, work.examples), pairs):
        teacher.check(path, hidden)
        tokens = of_student.to(work.model.device)
        solver = make_solver(task.settings, readout_of(work.model), tokens, own[layer])
        anchors[layer] = solve_layer(layer, own[layer], hidden, teacher, solver)
    return anchors


def make_solver(settings: Prox, student: Readout, tokens: torch.Tensor, own: Anchor) -> Solver:
    """The solver of one layer, with the settings converted to the units of its states."""
    deviation = math.sqrt(own.variance / own.targets.shape[-1])
    weight = settings.proximity / own.variance
    return Solver(student, tokens, weight, settings.solver_steps, step=settings.solver_rate * deviation)


def solve_layer(layer: int, own: Anchor, hidden: torch.Tensor, teacher: Readout, solver: Solver) -> Anchor:
    """Solve for one layer's targets from the teacher's states [positions, teacher width], in chunks of positions.

    Raises UserError if the divergence to the teacher is not finite at the student's own states.
    """
    device = solver.student.weight.device
    size = max(1, LOGITS_AT_ONCE // len(solver.student.weight))
    targets = []
    sums = torch.zeros(3, dtype=torch.float64)
    for start, states in zip(own.targets.split(size), hidden.split(size), strict=True):
        start = start.to(device)
        log_probs = teacher.of_block(states).log_softmax(-1).to(device)
        target = solver.solve(start, log_probs)
        with torch.no_grad():
            before, after = (solver.divergence(at, log_probs) for at in (start, target))
        moved = (target - start).square().sum(-1) / own.variance
        sums += torch.stack([part.double().sum() for part in (before, after, moved)]).cpu()
        targets.append(target.cpu())
    before, after, moved = (sums / len(hidden)).tolist()
    if not math.isfinite(before):
        raise UserError(
            f"prox: student layer {layer}: found {before} as the divergence to the teacher, expected a finite number"
        )
    message = "prox: layer %d: divergence %.3f -> %.3f nats, moved by %.3f of the variance"
    logger.info(message, layer, before, after, moved)
    return Anchor(torch.cat(targets), own.variance)
