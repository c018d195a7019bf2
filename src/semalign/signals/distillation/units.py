"""The teacher's units that the task's loss depends on most (Flex-KD, arXiv 2507.10155, section 3.2).

The paper adds up the gradient's magnitude over the task's data, a unit of the last hidden layer at a time, and
keeps as many of the largest as the student is wide. Read here as: the last hidden layer is what enters the LM
head, behind the final norm; the gradient is that of the cross-entropy on the reference answer, taken per
position, averaged over an example's positions and then over the examples. A state acts on its own position's
loss alone, so that the head is all that is differentiated.
"""

from collections.abc import Sequence
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch, Encoded, collate, like_lengths
from semalign.models.readout import final_states, head_logits
from semalign.models.states import Rows
from semalign.runtime.errors import UserError

POSITIONS = 512  # rows of logits that are held at once


def score_units(model: Any, encoded: Sequence[Encoded], batch_size: int, pad_id: int) -> torch.Tensor:
    """Mean |d loss / d state| [teacher width] in float64.

    Raises UserError when a score is not finite.
    """
    total: torch.Tensor | float = 0.0
    for indices in like_lengths(encoded, batch_size):
        batch = collate([encoded[i] for i in indices], pad_id).to(model.device)
        total = total + _score_batch(model, batch)
    scores = torch.as_tensor(total) / len(encoded)
    if not scores.isfinite().all():
        raise UserError("units: a score of the extract split is not finite, expected finite gradients")
    return scores


def choose_units(scores: torch.Tensor, count: int) -> torch.Tensor:
    """Indices [count] of the largest scores, ascending; ties go to the lower index.

    Which student unit learns from which of them the paper leaves open: here both run in their own order.
    """
    ranking = scores.sort(descending=True, stable=True).indices
    return ranking[:count].sort().values


def read_units(
    model: Any, encoded: Sequence[Encoded], units: torch.Tensor, batch_size: int, pad_id: int
) -> torch.Tensor:
    """The teacher's final states at `units`, float32 [positions, units], at every supervised position."""
    kept = Rows(encoded)
    for indices in like_lengths(encoded, batch_size):
        batch = collate([encoded[i] for i in indices], pad_id).to(model.device)
        with torch.no_grad():
            kept.put(indices, final_states(model, batch).float().cpu()[:, units])
    return kept.tensor


def _score_batch(model: Any, batch: Batch) -> torch.Tensor:
    """Sum over the batch's examples of the mean |gradient| over each one's positions, [width]."""
    with torch.no_grad():
        states = final_states(model, batch)
    labels = batch.labels[batch.supervised].to(states.device)
    lengths = batch.supervised.sum(1).to(states.device)
    weights = (1 / lengths.double()).repeat_interleave(lengths)
    pieces = zip(*(rows.split(POSITIONS) for rows in (states, labels, weights)), strict=True)
    return torch.stack([_score_positions(model, *piece) for piece in pieces]).sum(0).cpu()


def _score_positions(
    model: Any, states: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    with torch.enable_grad():
        states = states.detach().requires_grad_()
        loss = torch.nn.functional.cross_entropy(head_logits(model, states).float(), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, states)
    return weights @ gradient.double().abs()
