"""Training of layers towards their own states plus a displacement.

Loss of a batch = layer_loss_weight * mean over the steered layers of the distance of states from targets
+ divergence_weight * KL(teacher || student) on the stored logits
+ label_loss_weight * cross-entropy on the answers, over supervised positions.

The untouched student's states are read once, at the beginning. Without a loss on the answers, nothing above the deepest
steered layer runs, and the layers below the lowest one run once per example (`methods.common.prefix`).
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from semalign.benchmarks.encoding import Batch, Encoded
from semalign.methods.base import TransferTask
from semalign.methods.common.adapters import Loss
from semalign.methods.common.answers import answer_terms
from semalign.methods.common.lora import Work
from semalign.methods.common.steered import steered_states
from semalign.methods.displaced import Displaced
from semalign.models.readout import head_logits
from semalign.models.states import offsets_of, read_states
from semalign.runtime.errors import UserError
from semalign.signals.distillation.logits import TeacherLogits

BATCH = 32  # examples per forward pass when the student's states are read
ROUNDING = 1e-6  # of a state's length, in float32


@dataclass(frozen=True)
class Goal:
    """Targets [positions, width] of one layer, and the mean squared distance from the untouched student's states."""

    targets: Tensor
    distance: float

    def loss(self, states: Tensor, rows: Tensor, kind: str) -> Tensor:
        """The layer loss of states [rows, width] whose targets are at `rows`; see `Displaced.loss`."""
        targets = self.targets[rows].to(states.device)
        if kind == "cosine":
            return 1 - torch.nn.functional.cosine_similarity(states.float(), targets, dim=-1).mean()
        return (states.float() - targets).square().sum(-1).mean() / self.distance


def own_states(work: Work, layers: Sequence[int], interface: str) -> dict[int, Tensor]:
    """Layer -> the student's present states [positions, width] at an interface, at supervised positions."""
    with evaluating(work.model):
        return read_states(work.model, work.examples, layers, interface, BATCH, work.pad_id)


@contextlib.contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Context without dropout: the adapter's own is on from its creation, though the model was loaded without."""
    active = [module for module in model.modules() if module.training]
    try:
        model.eval()
        yield
    finally:
        for module in active:
            module.training = True


def goals_of(targets: Mapping[int, Tensor], untouched: Mapping[int, Tensor]) -> dict[int, Goal]:
    """Layer -> goal, from targets and the untouched student's states, both layer -> [positions, width]."""
    return {
        layer: Goal(rows, float((rows - untouched[layer]).double().square().sum(-1).mean()))
        for layer, rows in targets.items()
    }


def check_distances(goals: Mapping[int, Goal]) -> None:
    """Raise UserError if targets differ from the untouched student's states by rounding only.

    The squared loss is divided by their distance, so that it would be rounding divided by rounding.
    """
    for layer, goal in goals.items():
        if goal.distance <= ROUNDING**2 * float(goal.targets.double().square().sum(-1).mean()):
            raise UserError(
                f"loss: found `squared` with targets that are the student's own states at layer {layer}, expected "
                "displacements above rounding, or `cosine`"
            )


def displaced_loss(
    settings: Displaced, goals: Mapping[int, Goal], examples: Sequence[Encoded], teacher: TeacherLogits | None
) -> Loss:
    """The loss terms of one batch: `layer` (mean over the steered layers), `kl` and `label`, each if it is used.

    Raises UserError as `check_distances`, if the loss is squared.
    """
    if settings.loss == "squared":
        check_distances(goals)
    offsets = offsets_of(examples)
    layers = sorted(goals)
    weights = settings.label_loss_weight, settings.divergence_weight

    def loss(model: Any, batch: Batch, indices: list[int]) -> dict[str, Tensor]:
        answers = not settings.layer_local
        states, final = steered_states(model, batch, layers, settings.interface, answers)
        rows = torch.cat([torch.arange(int(offsets[i]), int(offsets[i + 1])) for i in indices])
        per_layer = [goals[layer].loss(states[layer], rows, settings.loss) for layer in layers]
        terms = {"layer": settings.layer_loss_weight * torch.stack(per_layer).mean()}
        if final is None:
            return terms
        return terms | answer_terms(head_logits(model, final), batch, indices, teacher, *weights)

    return loss


def logits_of(task: TransferTask[Any], work: Work) -> TeacherLogits | None:
    """The teacher's stored logits, if the method distils them."""
    if not task.settings.divergence_weight:
        return None
    return TeacherLogits(task.signals["logits"], work.examples)
