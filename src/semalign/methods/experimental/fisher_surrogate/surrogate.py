"""The layer loss of the Fisher surrogate, a reconstruction from one abstract.

The abstract of the conference version of SemAlign (Findings of ACL 2026) says that the layer objective is a
Fisher-weighted quadratic surrogate on target-space aligned logits, that only the layer at the frontier is trained, from
shallow to deep, and that the final output keeps distillation by a KL divergence. No formula, weight or training recipe
was available, and results of this method are not meant to represent the paper's.

The abstract leaves the following open:

- The quadratic form is taken as the second-order expansion of KL(target || student) in the logits, whose matrix is the
  Fisher information of a softmax (`losses.fisher_surrogate`).
- Aligned logits are those of the alignment stage's targets, and the student's are those of its block outputs, both
  through the student's own final norm and head. The teacher's states are block outputs.
- A target has a direction only (`signals.alignment`). It is scaled to the length of the student's own state. The final
  norm then divides by it, so that the length matters only through the constant that keeps norms from dividing by zero.
- The distribution that weighs the differences is the target's, over the student's whole vocabulary. It is constant: no
  gradient passes through the target.
"""

from typing import Any

import torch

from semalign.models.anatomy import facts_of
from semalign.models.readout import head_logits
from semalign.training.losses import NEGLIGIBLE, fisher_surrogate


def compare_logits(model: Any, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Loss of one layer's block outputs against their targets, both [positions, width]."""
    norm = model.get_submodule(facts_of(model).final_norm)
    place = next(norm.parameters()).device  # a model may be spread over several devices
    with torch.no_grad():
        aligned = head_logits(model, norm(scale_to(targets, states).to(place, states.dtype)))
    return fisher_surrogate(head_logits(model, norm(states.to(place))), aligned)


def scale_to(targets: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
    """Targets at the lengths of the states, both [positions, width], in float32."""
    targets = targets.float()
    lengths = targets.norm(dim=-1, keepdim=True).clamp_min(NEGLIGIBLE)
    return targets / lengths * states.float().norm(dim=-1, keepdim=True)
