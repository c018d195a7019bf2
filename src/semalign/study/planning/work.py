"""Seconds of a stage on an assumed device: arithmetic over a rate, or bytes over a bandwidth, whichever is more."""

from dataclasses import dataclass

from semalign.study.planning.shapes import ModelShape
from semalign.study.planning.texts import Texts


@dataclass(frozen=True)
class Device:
    """What a device reaches in practice: floating-point operations and bytes a second.

    `start` are the seconds that a job takes to import, to load and to check its inputs.
    """

    name: str
    operations: float
    double: float
    bandwidth: float
    start: float = 40.0


# 40 % of the peaks that the makers state
DEVICES = {
    "a100": Device("a100", 125e12, 7.8e12, 1.2e12),
    "h100": Device("h100", 395e12, 26e12, 2.0e12),
    # one core; jobs of a run on one machine are forks of a process that has imported the libraries
    "cpu": Device("cpu", 30e9, 15e9, 10e9, start=3.0),
}


def forward(shape: ModelShape, tokens: float, device: Device) -> float:
    """Two operations a parameter and token."""
    return 2 * shape.parameters * tokens / device.operations


def attributed(shape: ModelShape, tokens: float, device: Device) -> float:
    """Forward, and backward through frozen weights."""
    return 2 * forward(shape, tokens, device)


def trained(shape: ModelShape, tokens: float, above: int, device: Device) -> float:
    """Forward through all layers, backward through those from the lowest adapted one up."""
    return forward(shape, tokens, device) * (1 + above / shape.layers)


def mapped(teacher: ModelShape, student: ModelShape, positions: int, device: Device) -> float:
    """Both Gram matrices, both streamed bases, their product, and the targets; all in float64."""
    wide, narrow, tokens = teacher.width, student.width, teacher.vocabulary
    operations = 2 * tokens * (2 * wide**2 + 2 * narrow**2 + wide * narrow) + 2 * positions * wide * narrow
    return operations / device.double


def answered(shape: ModelShape, texts: Texts, split: str, batch: int, device: Device) -> float:
    """One scoring run: every choice is read, or every answer is generated token by token."""
    items = texts.splits[split]
    prompts = items.examples * items.prompt
    if texts.choices:
        return forward(shape, texts.choices * (prompts + items.positions), device)
    answers = items.examples * texts.samples
    steps = texts.new_tokens * answers / batch  # each reads all weights once
    reading = steps * shape.weight_bytes / device.bandwidth
    return forward(shape, texts.samples * prompts, device) + max(
        reading, forward(shape, answers * texts.new_tokens, device)
    )
