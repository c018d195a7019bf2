"""Shared settings of reconstructions of SemAlign's later versions, of which only abstracts were available.

Their layer objectives differ. Both keep a KL divergence on the outputs, and train from shallow to deep if `order` says
so. `training` holds what they share.
"""

from typing import Self

from pydantic import Field, model_validator

from semalign.config.methods import Ordered


class Reconstructed(Ordered):
    """Shared settings of reconstructions: a loss on the paired layers' states, and losses on answers."""

    layer_loss_weight: float = Field(1.0, ge=0, description="weight of the loss on the paired layers' states")
    divergence_weight: float = Field(
        1.0, ge=0, description="weight of the KL divergence to the teacher's logits"
    )
    label_loss_weight: float = Field(0.0, ge=0, description="weight of cross-entropy on the answers")

    @property
    def needs(self) -> tuple[str, ...]:
        """Targets of the paired layers; the teacher's logits if their weight is not zero; the pairing if used."""
        logits = ("logits",) if self.divergence_weight else ()
        return ("alignment", *logits, *super().needs)

    @property
    def layer_local(self) -> bool:
        """Whether only the layer loss trains."""
        return not (self.divergence_weight or self.label_loss_weight)

    @model_validator(mode="after")
    def _trains_something(self) -> Self:
        if not (self.layer_loss_weight or self.divergence_weight or self.label_loss_weight):
            raise ValueError("nothing would be trained: found no weight above 0, expected one")
        return self
