"""LaTen's hypernetwork, from a teacher's neuron to an addition to a student's neuron, and its training schedule."""

import math

import torch

from semalign.training.loop import Schedule

# one-cycle schedule
WARM_UP = 0.1  # share of the steps in which the learning rate rises
START = 1 / 25  # first and last learning rate, as a share of the peak
HIGH_BETA1 = 0.95
LOW_BETA1 = 0.85


class Hypernetwork(torch.nn.Module):
    """Linear, ReLU, linear, without biases and in float32: [..., teacher width] -> [..., student width].

    All weights are drawn from N(0, `deviation`^2), as in LaTen (arXiv 2505.14436).
    """

    def __init__(
        self, teacher_width: int, student_width: int, deviation: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.hidden = torch.nn.Parameter(_draw(teacher_width, teacher_width, deviation, generator))
        self.output = torch.nn.Parameter(_draw(student_width, teacher_width, deviation, generator))

    def forward(self, neurons: torch.Tensor) -> torch.Tensor:
        """One addition per neuron."""
        return (neurons @ self.hidden.T).relu() @ self.output.T


def one_cycle(peak: float, steps: int) -> Schedule:
    """Schedule of the learning rate and beta1 over `steps` updates, as LaTen's released code uses torch's OneCycleLR.

    The learning rate rises from `peak` / 25 to `peak` over a tenth of the steps and falls back to `peak` / 25, along
    cosines. Meanwhile beta1 falls from 0.95 to 0.85 and rises again: OneCycleLR does this by default and overrides the
    optimiser's beta1.
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
