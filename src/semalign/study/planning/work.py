"""Seconds of a stage on an assumed device: the larger of arithmetic time and memory-transfer time."""

from dataclasses import dataclass

from semalign.study.planning.shapes import ModelShape
from semalign.study.planning.texts import Texts


@dataclass(frozen=True)
class Device:
    """Throughput of a device in practice.

    `operations` and `double` are floating-point operations per second (`double` in float64), `bandwidth` bytes per
    second. `start` is the time in seconds that a job takes to import libraries, load models and check its inputs.
    """

    name: str
    operations: float
    double: float
    bandwidth: float
    start: float = 40.0


# 40 % of the manufacturers' peak values
DEVICES = {
    "a100": Device("a100", 125e12, 7.8e12, 1.2e12),
    "h100": Device("h100", 395e12, 26e12, 2.0e12),
    # One core. Jobs on one machine start quickly because they are forks of a process that has imported the libraries. A
    # job of the default study takes a second on average, with its work, so that this is an upper bound.
    "cpu": Device("cpu", 30e9, 15e9, 10e9, start=1.0),
}


def forward(shape: ModelShape, tokens: float, device: Device) -> float:
    """Return the seconds of a forward pass: two operations per parameter and token."""
    return 2 * shape.parameters * tokens / device.operations


def attributed(shape: ModelShape, tokens: float, device: Device) -> float:
    """Return the seconds of a forward pass and a backward pass through frozen weights."""
    return 2 * forward(shape, tokens, device)


def trained(shape: ModelShape, tokens: float, above: int, device: Device) -> float:
    """Return the seconds of training: forward through all layers, backward through the upper `above` layers."""
    return forward(shape, tokens, device) * (1 + above / shape.layers)


def part(shape: ModelShape, tokens: float, layers: int, device: Device) -> float:
    """Return the seconds of a forward and a backward pass through `layers` of the layers, without the others."""
    return attributed(shape, tokens, device) * layers / shape.layers


def steered(shape: ModelShape, once: float, tokens: float, layers: int, device: Device) -> float:
    """Return the seconds of layer-local training on `layers` layers: forward and backward through these alone.

    The layers below run once over the `once` tokens of the train split; in the worst case, these are all others.
    """
    operations = 4 * layers * shape.layer_parameters * tokens
    return forward(shape, once, device) + operations / device.operations


def recomposed(teacher: ModelShape, student: ModelShape, positions: int, device: Device) -> float:
    """Return the seconds of recomposing residuals on all positions.

    Both heads run in float32; differences of probabilities times bases are in float64. The Gram matrix of the
    student's head and the bases are computed on one core.
    """
    tokens, width = student.vocabulary, student.width
    heads = 2 * positions * (teacher.vocabulary * teacher.width + tokens * width)
    sums = 2 * positions * tokens * width
    bases = 2 * 2 * tokens * width**2
    # a GPU is as fast in float32 as in float64, unless it is allowed to round products
    return (heads + sums) / device.double + bases / DEVICES["cpu"].double


def mapped(teacher: ModelShape, student: ModelShape, positions: int, device: Device) -> float:
    """Return the seconds for both Gram matrices, both bases, their product, and the targets, all in float64."""
    wide, narrow, tokens = teacher.width, student.width, teacher.vocabulary
    operations = 2 * tokens * (2 * wide**2 + 2 * narrow**2 + wide * narrow) + 2 * positions * wide * narrow
    return operations / device.double


def answered(shape: ModelShape, texts: Texts, split: str, batch: int, device: Device) -> float:
    """Return the seconds of one scoring run, which reads every choice or generates every answer token by token."""
    items = texts.splits[split]
    prompts = items.examples * items.prompt
    if texts.choices:
        return forward(shape, texts.choices * (prompts + items.positions), device)
    answers = items.examples * texts.samples
    steps = texts.new_tokens * answers / batch  # every step reads all weights once
    reading = steps * shape.weight_bytes / device.bandwidth
    return forward(shape, texts.samples * prompts, device) + max(
        reading, forward(shape, answers * texts.new_tokens, device)
    )
