"""Proximal targets: the state near the student's own that its head reads as the teacher's reads the teacher's state.

For each token on its own, h* = argmin over h of KL(softmax(teacher's logits) || softmax(H_S n_S(h))) + w |h - h0|^2,
H_S n_S being the student's head behind its final norm and h0 its own state (findings of the prototype, section G).
Both heads define the map; nothing is fitted.
"""

from dataclasses import dataclass

import torch

from semalign.models.readout import Readout

LOGITS_AT_ONCE = 1 << 24  # floats that a chunk of logits may have


@dataclass(frozen=True)
class Solver:
    """How the targets of one layer are found.

    `weight` multiplies |h - h0|^2; `step` is Adam's learning rate in the units of a state; `tokens` are the ids of
    the teacher's tokens in the student's vocabulary.
    """

    student: Readout
    tokens: torch.Tensor
    weight: float
    steps: int
    step: float

    def divergence(self, states: torch.Tensor, log_probs: torch.Tensor) -> torch.Tensor:
        """KL(teacher || student) in nats [positions]; log_probs [positions, tokens] are the teacher's.

        The student's distribution is over its whole vocabulary, as in logit distillation.
        """
        logits = self.student.of_block(states)
        told = logits[:, self.tokens] - logits.logsumexp(-1, keepdim=True)
        return (log_probs.exp() * (log_probs - told)).sum(-1)

    def objective(self, states: torch.Tensor, own: torch.Tensor, log_probs: torch.Tensor) -> torch.Tensor:
        """What is minimised, [positions], for states and the student's own [positions, width]."""
        return self.divergence(states, log_probs) + self.weight * (states - own).square().sum(-1)

    def solve(self, own: torch.Tensor, log_probs: torch.Tensor) -> torch.Tensor:
        """Targets [positions, width]: of all states on the way from `own`, each position's best.

        Positions do not touch each other: Adam works on every number apart, and the objective is summed.
        """
        states = own.clone().requires_grad_()
        adam = torch.optim.Adam([states], lr=self.step)
        best, lowest = own, torch.full((len(own),), torch.inf, device=own.device)
        for left in range(self.steps, -1, -1):
            values = self.objective(states, own, log_probs)
            better = values.detach() < lowest
            best = torch.where(better[:, None], states.detach(), best)
            lowest = torch.where(better, values.detach(), lowest)
            if left:
                (states.grad,) = torch.autograd.grad(values.sum(), states)
                adam.step()
        return best
