"""SemAlign, version 1 of the paper."""

from typing import Literal

from pydantic import Field

from semalign.config.methods.base import Lora, MethodSettings
from semalign.config.optimisation import Optimisation


class SemAlign(MethodSettings):
    """Latent semantic alignment, version 1 of the paper."""

    method: Literal["semalign"] = "semalign"
    layer_loss_weight: float = Field(1.0, ge=0, description="weight of the layer loss; 1 in the paper")
    label_loss: Literal["cosine-logits", "cross-entropy"] = Field(
        "cosine-logits", description="loss on the final logits; cosine to the one-hot label in the paper"
    )
    label_loss_weight: float = Field(1.0, ge=0, description="weight of the label loss; 1 in the paper")
    lora: Lora = Lora()
    optimisation: Optimisation = Optimisation()

    @property
    def needs(self) -> tuple[str, ...]:
        """Targets of the paired layers."""
        return ("alignment",)
