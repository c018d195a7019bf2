"""Proximal targets: states near the student's own whose predictions match those of the teacher's layer.

For each token separately, h* = argmin over h of KL(softmax(teacher's logits) || softmax(H_S n_S(h))) + w |h - h0|^2.
Here n_S and H_S are the student's final norm and head, and h0 is the student's own state. The two heads define the map;
nothing is fitted.
"""

from dataclasses import dataclass

import torch

from semalign.models.readout import Readout

LOGITS_AT_ONCE = 1 << 22  # floats per chunk of logits


@dataclass(frozen=True)
class Solver:
    """Solver for the targets of one layer.

    `weight` multiplies |h - h0|^2. `step` is Adam's learning rate in the units of a state. `tokens` are the student's
    ids of the shared tokens.
    """

    student: Readout
    tokens: torch.Tensor
    weight: float
    steps: int
    step: float

    def divergence(self, states: torch.Tensor, log_probs: torch.Tensor) -> torch.Tensor:
        """KL(teacher || student) in nats, [positions], for the teacher's `log_probs` [positions, tokens].

        The student's distribution covers its whole vocabulary, as in logit distillation.
        """
        return self._divergence(states, *self._taught(log_probs))

    def objective(self, states: torch.Tensor, own: torch.Tensor, log_probs: torch.Tensor) -> torch.Tensor:
        """The minimised objective, [positions], for `states` and the student's `own` states [positions, width]."""
        return self._objective(states, own, *self._taught(log_probs))

    def solve(self, own: torch.Tensor, log_probs: torch.Tensor) -> torch.Tensor:
        """Targets [positions, width]: for each position, the best of all states on the path from `own`.

        Positions do not affect each other, since the objective is summed and Adam treats every number separately.
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
        """The teacher's probabilities over the student's vocabulary, and their negative entropy (fixed in `solve`)."""
        probs = log_probs.exp()
        spread = probs.new_zeros(len(probs), len(self.student.weight))
        return spread.index_copy_(1, self.tokens, probs), (probs * log_probs).sum(-1)

    def _divergence(
        self, states: torch.Tensor, probs: torch.Tensor, negentropy: torch.Tensor
    ) -> torch.Tensor:
        """KL divergence as sum p log p - sum p z + log sum exp z, since the probabilities p add up to 1."""
        logits = self.student.of_block(states)
        return negentropy - torch.linalg.vecdot(probs, logits) + logits.logsumexp(-1)

    def _objective(
        self, states: torch.Tensor, own: torch.Tensor, probs: torch.Tensor, negentropy: torch.Tensor
    ) -> torch.Tensor:
        divergence = self._divergence(states, probs, negentropy)
        return divergence + self.weight * (states - own).square().sum(-1)
