"""Layers trained one after the other, the shallowest first, each with its own loss.

Every layer has its LoRA factors from the start, drawn as for joint training. In a layer's phase its factors alone
move: the shallower ones stay as they were trained, the deeper ones at nothing. The joint training's updates are
divided evenly over the phases, of which the first, the shallowest, have one more each if that leaves a rest. A
phase goes on with the joint training's batches, so that all phases together see what it sees; its schedule,
warm-up included, and the optimiser's moments begin again. One adapter comes out, in the history the updates are
counted through.

A phase has a checkpoint of its own, which it leaves when it is done: what was finished is not trained again.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.adapters import Loss, Trained, Training, Work, adapt, save_adapter, train_adapter
from semalign.methods.semalign import SemAlign
from semalign.models.anatomy import facts_of
from semalign.models.transfers import write_transfer
from semalign.runtime.errors import UserError
from semalign.training.checkpoint import Checkpoint
from semalign.training.schedule import total_steps


def train_in_turn(
    task: TransferTask[SemAlign], work: Work, losses: Mapping[int, Loss], folder: Path, teacher_passes: int
) -> TransferReport:
    """Adapt the layers that `losses` names, in the order of their depth, and write the transfer folder.

    Raises UserError when there are fewer updates than layers.
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
    """The updates of each phase: even shares, the first ones longer by one if that leaves a rest.

    Raises UserError when a phase would have none.
    """
    if steps < phases:
        raise UserError(
            f"order shallow-to-deep: found {steps} updates, expected at least one for each of {phases} layers"
        )
    share, rest = divmod(steps, phases)
    starts = [phase * share + min(phase, rest) for phase in range(phases + 1)]
    return [range(*bounds) for bounds in pairwise(starts)]
