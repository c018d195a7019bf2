"""LaTen's hypernetwork, a teacher's neuron in, an addition to a student's neuron out, and how it is scheduled."""

import math

import torch

from semalign.training.loop import Schedule

# of the one-cycle schedule
WARM_UP = 0.1
START = 1 / 25
HIGH_BETA1 = 0.95
LOW_BETA1 = 0.85


class Hypernetwork(torch.nn.Module):
    """Linear, ReLU, linear, without biases, in float32; [..., teacher width] -> [..., student width].

    All weights are drawn from N(0, `deviation`^2).
    """

    def __init__(
        self, teacher_width: int, student_width: int, deviation: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.hidden = torch.nn.Parameter(_draw(teacher_width, teacher_width, deviation, generator))
        self.output = torch.nn.Parameter(_draw(student_width, teacher_width, deviation, generator))

    def forward(self, neurons: torch.Tensor) -> torch.Tensor:
        """One addition a neuron."""
        return (neurons @ self.hidden.T).relu() @ self.output.T


def one_cycle(peak: float, steps: int) -> Schedule:
    """Learning rate and beta1 of an update: up from a 25th of `peak` over a tenth of the steps, and down again.

    Cosine both ways; beta1 goes from 0.95 to 0.85 and back, as torch's OneCycleLR does by default, whatever the
    optimizer was given (the released behaviour).
    """
    top = WARM_UP * steps - 1
    end = steps - 1

    def at(step: int) -> tuple[float, float]:
        rising = top > 0 and step <= top
        share = step / top if rising else (end - step) / (end - top)
        height = 0.5 - 0.5 * math.cos(math.pi * share)
        return peak * (START + (1 - START) * height), HIGH_BETA1 + (LOW_BETA1 - HIGH_BETA1) * height

    return at


def _draw(rows: int, columns: int, deviation: float, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(rows, columns, generator=generator) * deviation
