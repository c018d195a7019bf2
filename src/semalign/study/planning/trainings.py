"""Predicted cost of the trainings: LoRA through the head, LoRA on steered layers alone, and LaTen's hypernetworks."""

from typing import Any

from semalign.config.methods import Adapted
from semalign.study.planning import artifacts, memory, work
from semalign.study.planning.jobs import Job, Work


def training_job(settings: Any, pair: Work, device: work.Device, paired: int) -> Job:
    """Return the cost of one training; `paired` is the number of paired layers. What it runs follows from `settings`.

    A method without LoRA is planned as LaTen, the only one of its kind.
    """
    return (
        _adapted(settings, pair, device, paired)
        if isinstance(settings, Adapted)
        else _laten(settings, pair, device)
    )


def _adapted(settings: Adapted, pair: Work, device: work.Device, paired: int) -> Job:
    train, student, optimisation = pair.texts.splits["train"], pair.student, settings.optimisation
    adapted = {"all": student.layers, "paired": paired}.get(settings.layers, 1)
    above = _layers_with_backward(settings, student.layers, paired)
    examples = min(optimisation.micro_batch or optimisation.batch_size, train.examples)
    peak = memory.training(
        student,
        examples * train.longest,
        0 if settings.layer_local else round(examples * train.answer),
        adapted,
        above,
        settings.lora.rank,
        settings.lora.projections,
    )
    if settings.reads_itself:
        tokens = pair.tokens("train", memory.READ_AT_ONCE)
        peak = max(peak, memory.reading(student, tokens, adapted), key=lambda each: each.total)
    epochs = optimisation.epochs or (optimisation.steps or 0) * optimisation.batch_size / train.examples
    if settings.layer_local:
        once = work.steered(student, train.tokens, epochs * train.tokens, above, device)
    else:
        once = work.trained(student, epochs * train.tokens, student.layers, device)
    if settings.reads_itself:
        once += work.forward(student, train.tokens, device)
    again = settings.trainings - 1  # later rounds recompose again, with the memory of the first one's stage
    if again:
        renewed = memory.residual(
            pair.teacher, student, pair.tokens("train", memory.READ_AT_ONCE), train.positions
        )
        peak = max(peak, renewed, key=lambda each: each.total)
    remade = work.forward(student, train.tokens, device)
    remade += work.recomposed(pair.teacher, student, train.positions, device)
    disk = artifacts.adapter_bytes(student, adapted, settings.lora.rank, settings.lora.projections)
    return Job("", settings.trainings * once + again * remade, disk, peak)


def _layers_with_backward(settings: Adapted, layers: int, paired: int) -> int:
    """Return the number of layers whose activations are kept for the backward pass, in the worst case.

    Training through the head keeps those from the lowest adapted layer, which may be the first. Layer-local training
    keeps those between the lowest adapted and the deepest steered layer: one, if a single layer is adapted.
    """
    if settings.layers == "last" or (settings.layer_local and (settings.layers == "first" or paired == 1)):
        return layers if settings.layers == "all" else 1
    return layers


def _laten(settings: Any, pair: Work, device: work.Device) -> Job:
    student, train = pair.student, pair.texts.splits["train"]
    steps = settings.optimisation.steps or pair.texts.splits["extract"].examples
    tokens = steps * (1 + settings.align_batch) * (train.prompt + train.answer)
    peak = memory.hypernetworks(pair.teacher, student, memory.PORTION, settings.rate)
    seconds = work.trained(student, tokens, student.layers, device)
    return Job("", seconds, artifacts.deltas_bytes(student, settings.rate), peak)
