"""What prox and self-anchor share: block outputs of the paired layers are trained to targets in their own space.

`training` has the loss; this file the settings.
"""

from typing import Literal

from pydantic import Field

from semalign.config.methods import Adapted

Distillation = Literal["none", "logits"]


class Anchored(Adapted):
    """What prox and its control share: a loss on the paired layers' block outputs, beside losses on the answers."""

    layer_loss_weight: float = Field(
        1.0, ge=0, description="weight of the block outputs' squared distance, over their variance"
    )
    distillation: Distillation = Field(
        "none", description="logits: the KL divergence to the teacher's stored logits beside it"
    )
    label_loss_weight: float = Field(0.0, ge=0, description="weight of cross-entropy on the answers")

    @property
    def needs(self) -> tuple[str, ...]:
        """Which layers are paired, and the teacher's logits if they are distilled."""
        return ("pairing", "logits") if self.distillation == "logits" else ("pairing",)

    @property
    def moves(self) -> bool:
        """Whether a loss on the answers moves the student."""
        return self.distillation != "none" or self.label_loss_weight > 0
