"""Training of the paired layers one after the other, shallowest first, each with its own loss.

Version 1 of SemAlign (arXiv 2510.24208) trains in a single phase. The abstract of version 2 says that only the target
layer at the frontier is trainable, from shallow to deep; it leaves open the updates of a layer, their schedule and the
optimiser's state. Here:

- All layers have LoRA factors from the start, initialised as in joint training. Each phase trains one layer's factors:
  shallower layers keep their trained factors, deeper ones still contribute nothing.
- The updates of joint training are divided evenly among the phases. If they do not divide, the first phases have one
  more each.
- The phases continue the batches of joint training, so that together they see the same examples. Each phase restarts
  the schedule, including warm-up, and the optimiser's moments.
- The result is one adapter, and a history in which updates are numbered continuously.

Each phase keeps its final checkpoint, so that an interrupted run does not repeat finished phases.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from semalign.config.methods import Ordered
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.adapters import Loss, Trained, Training, Work, adapt, save_adapter, train_adapter
from semalign.models.anatomy import facts_of
from semalign.models.transfers import write_transfer
from semalign.runtime.errors import UserError
from semalign.training.checkpoint import Checkpoint
from semalign.training.schedule import total_steps


def train_in_turn(
    task: TransferTask[Ordered], work: Work, losses: Mapping[int, Loss], folder: Path, teacher_passes: int
) -> TransferReport:
    """Train the layers in `losses` in order of depth, and write the transfer folder.

    Raises UserError if there are fewer updates than layers.
    """
    settings = task.settings
    layers = sorted(losses)
    adapted = adapt(work.model, layers, settings.lora, task.seed)
    model = adapted.base_model.model
    factors = {name: p for name, p in model.named_parameters() if p.requires_grad}
    spans = divide(total_steps(len(work.examples), settings.optimisation), len(layers))
    done: list[Trained] = []
    for layer, span in zip(layers, spans, strict=True):
        prefix = f"{facts_of(model).layers}.{layer - 1}."
        for name, parameter in factors.items():
            parameter.requires_grad_(name.startswith(prefix))
        checkpoint = Checkpoint(task.checkpoint / f"layer{layer}", identity=task.identity, save_last=True)
        label = f"{task.label}, layer {layer}"
        training = Training(settings.optimisation, task.seed, label, checkpoint, updates=span)
        done.append(train_adapter(work, losses[layer], training))
    save_adapter(adapted, folder, task.student.name)
    write_transfer(folder, "adapter")
    history = [row for trained in done for row in trained.history]
    return TransferReport(sum(trained.trainable_parameters for trained in done), teacher_passes, history)


def divide(steps: int, phases: int) -> list[range]:
    """Divide the updates evenly among the phases; if they do not divide, the first phases get one more each.

    Raises UserError if a phase would have no update.
    """
    if steps < phases:
        raise UserError(
            f"order shallow-to-deep: found {steps} updates, expected at least one for each of {phases} layers"
        )
    share, rest = divmod(steps, phases)
    starts = [phase * share + min(phase, rest) for phase in range(phases + 1)]
    return [range(*bounds) for bounds in pairwise(starts)]
