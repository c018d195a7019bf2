"""The teacher's units that the task's loss depends on most (Flex-KD, arXiv 2507.10155, section 3.2).

The paper sums the magnitude of the gradient over the task's data for each unit of the last hidden layer, and keeps as
many of the largest as the student is wide. It leaves details open, which are read here as follows:

- The last hidden layer is the input of the LM head, after the final norm.
- The gradient is that of the cross-entropy on the reference answer. Its magnitude is taken per position, then averaged
  over an example's positions and over the examples.

A state affects only the loss at its own position, so only the head needs to be differentiated.
"""

from collections.abc import Sequence
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch, Encoded, collate, like_lengths
from semalign.models.readout import final_states, head_logits
from semalign.models.states import Rows
from semalign.runtime.errors import UserError

POSITIONS = 512  # rows of logits held at once


def score_units(model: Any, encoded: Sequence[Encoded], batch_size: int, pad_id: int) -> torch.Tensor:
    """Mean |d loss / d state|, [teacher width] in float64 (Flex-KD, arXiv 2507.10155, section 3.2).

    Raises UserError if a score is not finite.
    """
    total: torch.Tensor | float = 0.0
    for indices in like_lengths(encoded, batch_size):
        batch = collate([encoded[i] for i in indices], pad_id).to(model.device)
        total = total + _score_batch(model, batch)
    scores = torch.as_tensor(total) / len(encoded)
    if not scores.isfinite().all():
        raise UserError(
            "units: found a score on the extract split that is not finite, expected finite gradients"
        )
    return scores


def choose_units(scores: torch.Tensor, count: int) -> torch.Tensor:
    """Indices [count] of the largest scores, ascending; ties go to the lower index.

    Flex-KD (arXiv 2507.10155) leaves open which student unit learns from which of them. Here, the i-th student unit
    learns from the i-th of these indices.
    """
    ranking = scores.sort(descending=True, stable=True).indices
    return ranking[:count].sort().values


def read_units(
    model: Any, encoded: Sequence[Encoded], units: torch.Tensor, batch_size: int, pad_id: int
) -> torch.Tensor:
    """Read the teacher's final states at `units` and every supervised position, float32 [positions, units]."""
    kept = Rows(encoded)
    for indices in like_lengths(encoded, batch_size):
        batch = collate([encoded[i] for i in indices], pad_id).to(model.device)
        with torch.no_grad():
            kept.put(indices, final_states(model, batch).float().cpu()[:, units])
    return kept.tensor


def _score_batch(model: Any, batch: Batch) -> torch.Tensor:
    """Mean |gradient| over each example's positions, summed over the batch's examples, [width]."""
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
