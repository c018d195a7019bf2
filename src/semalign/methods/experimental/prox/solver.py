"""Proximal targets: states near the student's own whose predictions match those of the teacher's layer.

For each token separately, h* = argmin over h of KL(softmax(teacher's logits) || softmax(H_S n_S(h))) + w |h - h0|^2.
Here n_S and H_S are the student's final norm and head, and h0 is the student's own state. The two heads define the map;
nothing is fitted.
"""

from dataclasses import dataclass

import torch

from semalign.models.readout import Readout
from semalign.training.descent import descend
from semalign.training.taught import Taught, spread

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
        return self._taught(log_probs).divergence(self.student.of_block(states))

    def objective(self, states: torch.Tensor, own: torch.Tensor, log_probs: torch.Tensor) -> torch.Tensor:
        """The minimised objective, [positions], for `states` and the student's `own` states [positions, width]."""
        return self._objective(states, own, self._taught(log_probs))

    def solve(self, own: torch.Tensor, log_probs: torch.Tensor) -> torch.Tensor:
        """Targets [positions, width]: for each position separately, the best of all states on the path from `own`."""
        taught = self._taught(log_probs)
        return descend(own, lambda states: self._objective(states, own, taught), self.steps, self.step)

    def _taught(self, log_probs: torch.Tensor) -> Taught:
        """The teacher's distributions over the student's vocabulary, which stay the same in `solve`."""
        return spread(log_probs, self.tokens, len(self.student.weight))

    def _objective(self, states: torch.Tensor, own: torch.Tensor, taught: Taught) -> torch.Tensor:
        distance = (states - own).square().sum(-1)
        return taught.divergence(self.student.of_block(states)) + self.weight * distance
