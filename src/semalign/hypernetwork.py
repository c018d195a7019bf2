"""LaTen's hypernetwork: a teacher's neuron in, an addition to a student's neuron out."""

import torch


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


def _draw(rows: int, columns: int, deviation: float, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(rows, columns, generator=generator) * deviation
