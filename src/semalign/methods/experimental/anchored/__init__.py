"""Shared settings of prox and self-anchor, which train block outputs of the paired layers towards targets.

The targets are in the student's hidden space. `training` holds the loss.
"""

from typing import Literal

from pydantic import Field

from semalign.config.methods import Adapted, PairedOrAll

Distillation = Literal["none", "logits"]


class Anchored(Adapted):
    """Shared settings of prox and self-anchor: a loss on the paired layers' block outputs, and losses on answers."""

    layers: PairedOrAll = Field(
        "paired",
        description="layers to adapt: the paired ones, or all; the layer loss covers the paired ones",
    )
    layer_loss_weight: float = Field(
        1.0,
        ge=0,
        description="weight of the squared distance of block outputs from their targets, divided by the variance of "
        "the student's initial states",
    )
    distillation: Distillation = Field(
        "none", description="`logits` adds the KL divergence to the teacher's stored logits"
    )
    label_loss_weight: float = Field(0.0, ge=0, description="weight of cross-entropy on the answers")

    @property
    def needs(self) -> tuple[str, ...]:
        """The pairing, and the teacher's logits if they are distilled."""
        return ("pairing", "logits") if self.distillation == "logits" else ("pairing",)

    @property
    def reads_itself(self) -> bool:
        """Targets start from the student's own states."""
        return True

    @property
    def layer_local(self) -> bool:
        """Whether only the layer loss trains."""
        return not self.moves

    @property
    def moves(self) -> bool:
        """Whether there is a loss on the answers, which changes the student even if it starts at its targets."""
        return self.distillation != "none" or self.label_loss_weight > 0
