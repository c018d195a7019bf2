"""Losses on the answers that a method may have beside its own."""

from collections.abc import Sequence
from typing import Protocol

import torch

from semalign.benchmarks.encoding import Batch
from semalign.losses import cross_entropy


class Divergence(Protocol):
    """A teacher's stored distributions, in whatever form."""

    teacher_passes: int

    def loss(self, logits: torch.Tensor, indices: Sequence[int]) -> torch.Tensor:
        """KL(teacher || student) in nats for a batch's student logits [supervised positions, vocabulary]."""
        ...


def answer_terms(
    logits: torch.Tensor,
    batch: Batch,
    indices: list[int],
    teacher: Divergence | None,
    label_loss_weight: float,
) -> dict[str, torch.Tensor]:
    """`kl` where there is a teacher, and `label` (cross-entropy) where it has a weight."""
    terms = {} if teacher is None else {"kl": teacher.loss(logits, indices)}
    if label_loss_weight:
        terms["label"] = label_loss_weight * cross_entropy(logits, batch.labels[batch.supervised])
    return terms
