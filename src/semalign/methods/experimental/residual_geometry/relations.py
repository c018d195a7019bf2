"""The loss of residual geometry, a reconstruction from one abstract.

The abstract of version 2 of SemAlign (arXiv 2510.24208) says that a layer's residual contribution is supervised by
matching centred relations between tokens against an aligned supervision, that a KL divergence on the outputs is kept,
that attribution selects exactly one source layer for each target layer, and that only the target layer at the frontier
is trainable, from shallow to deep. Loss, weights and training recipe were not available, and results of this method are
not meant to represent the paper's.

A contribution is a layer's output minus its input. Targets come from the alignment stage and are made from the
teacher's contributions. `semalign.methods.experimental.reconstructed.training` has the whole loss.

The abstract leaves the following open:

- Relations are taken as the centred Gram matrix of a layer's states and compared by linear CKA
  (`losses.relation_loss`). CKA does not change under rotation and scaling. Of the semantic map, only its effect on
  angles and lengths therefore matters; of the alignment's normalisation, only relative lengths.
- Centring and relations cover the answers of all examples in a batch, not the whole split or the tokens of a single
  example. Smaller batches thus compare fewer tokens.
- CKA is the plain one, whose bias grows with the ratio of width to positions. The debiased one varies more in small
  batches.
- Weights, schedule and adapted matrices are those of version 1 of the paper.
"""

from typing import Any

import torch

from semalign.training.losses import relation_loss


def relate(_model: Any, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Loss of one layer's contributions against their targets, both [positions, width]."""
    return relation_loss(states, targets)
