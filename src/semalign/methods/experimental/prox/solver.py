"""Proximal targets: the state near the student's own that its head reads as the teacher's reads the teacher's state.

For each token on its own, h* = argmin over h of KL(softmax(teacher's logits) || softmax(H_S n_S(h))) + w |h - h0|^2,
H_S n_S being the student's head behind its final norm and h0 its own state.
Both heads define the map; nothing is fitted.
"""

from dataclasses import dataclass

import torch

from semalign.models.readout import Readout

LOGITS_AT_ONCE = 1 << 22  # floats that a chunk of logits may have


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
        return self._divergence(states, *self._taught(log_probs))

    def objective(self, states: torch.Tensor, own: torch.Tensor, log_probs: torch.Tensor) -> torch.Tensor:
        """What is minimised, [positions], for states and the student's own [positions, width]."""
        return self._objective(states, own, *self._taught(log_probs))

    def solve(self, own: torch.Tensor, log_probs: torch.Tensor) -> torch.Tensor:
        """Targets [positions, width]: of all states on the way from `own`, each position's best.

        Positions do not touch each other: Adam works on every number separately, and the objective is summed.
        """
        taught = self._taught(log_probs)
        states = own.clone().requires_grad_()
        adam = torch.optim.Adam([states], lr=self.step)
        best, lowest = own, torch.full((len(own),), torch.inf, device=own.device)
        for left in range(self.steps, -1, -1):
            values = self._objective(states, own, *taught)
            better = values.detach() < lowest
            best = torch.where(better[:, None], states.detach(), best)
            lowest = torch.where(better, values.detach(), lowest)
            if left:
                (states.grad,) = torch.autograd.grad(values.sum(), states)
                adam.step()
        return best

    def _taught(self, log_probs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What does not change while a state moves: the teacher's probabilities over the student's vocabulary, and
        their negative entropy."""
        probs = log_probs.exp()
        spread = probs.new_zeros(len(probs), len(self.student.weight))
        return spread.index_copy_(1, self.tokens, probs), (probs * log_probs).sum(-1)

    def _divergence(
        self, states: torch.Tensor, probs: torch.Tensor, negentropy: torch.Tensor
    ) -> torch.Tensor:
        """sum p log p - sum p z + log sum exp z, since the probabilities add up to 1."""
        logits = self.student.of_block(states)
        return negentropy - torch.linalg.vecdot(probs, logits) + logits.logsumexp(-1)

    def _objective(
        self, states: torch.Tensor, own: torch.Tensor, probs: torch.Tensor, negentropy: torch.Tensor
    ) -> torch.Tensor:
        divergence = self._divergence(states, probs, negentropy)
        return divergence + self.weight * (states - own).square().sum(-1)
