"""Losses on the answers that methods can add: cross-entropy, and the KL divergence to the teacher."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from semalign.benchmarks.encoding import Batch
from semalign.methods.common.adapters import Loss
from semalign.models.readout import answer_logits
from semalign.training.losses import cross_entropy


class Divergence(Protocol):
    """A teacher's stored distributions, whatever their format."""

    teacher_passes: int

    def loss(self, logits: torch.Tensor, indices: Sequence[int]) -> torch.Tensor:
        """KL(teacher || student) in nats, for a batch's student logits [supervised positions, vocabulary]."""
        ...


def answer_terms(
    logits: torch.Tensor,
    batch: Batch,
    indices: list[int],
    teacher: Divergence | None,
    label_loss_weight: float,
    divergence_weight: float = 1.0,
) -> dict[str, torch.Tensor]:
    """Weighted loss terms of a batch: `kl` if there is a teacher, `label` (cross-entropy) if its weight is not zero.

    `logits` are the student's at the supervised positions, [supervised positions, vocabulary].
    """
    terms = {} if teacher is None else {"kl": divergence_weight * teacher.loss(logits, indices)}
    if label_loss_weight:
        terms["label"] = label_loss_weight * cross_entropy(logits, batch.labels[batch.supervised])
    return terms


def divergence_loss(teacher: Divergence, label_loss_weight: float) -> Loss:
    """The loss of distillation for one batch: `kl`, and `label` if its weight is not zero."""

    def loss(model: Any, batch: Batch, indices: list[int]) -> dict[str, torch.Tensor]:
        return answer_terms(answer_logits(model, batch), batch, indices, teacher, label_loss_weight)

    return loss
