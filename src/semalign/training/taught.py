"""A teacher's distributions over the student's vocabulary, and the student's divergence from them."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Taught:
    """The teacher's probabilities [positions, student's tokens], which add up to 1, and their negative entropy."""

    probs: torch.Tensor
    negentropy: torch.Tensor

    def to(self, device: str | torch.device) -> "Taught":
        """The same distributions on `device`."""
        return Taught(self.probs.to(device), self.negentropy.to(device))

    def divergence(self, logits: torch.Tensor) -> torch.Tensor:
        """KL(teacher || student) in nats, [positions], for the student's logits [positions, student's tokens].

        Computed as sum p log p - sum p z + log sum exp z. The student's distribution covers its whole vocabulary, as in
        logit distillation.
        """
        return self.negentropy - torch.linalg.vecdot(self.probs, logits) + logits.logsumexp(-1)


def spread(log_probs: torch.Tensor, tokens: torch.Tensor, vocabulary: int) -> Taught:
    """Spread the teacher's `log_probs` [positions, tokens] over a student's vocabulary.

    `tokens` [tokens] are the student's ids of the shared tokens; all others get the probability 0.
    """
    probs = log_probs.exp()
    whole = probs.new_zeros(len(probs), vocabulary).index_copy_(1, tokens, probs)
    return Taught(whole, (probs * log_probs).sum(-1))
