"""The distillation family."""

from typing import Literal, Self

from pydantic import Field, model_validator

from semalign.config.methods.base import Adapted, refuse_portions


class DistillLogits(Adapted):
    """Distillation of the teacher's next-token distribution, from stored logits."""

    method: Literal["distill-logits"] = "distill-logits"
    label_loss_weight: float = Field(
        0.0, ge=0, description="weight of cross-entropy beside the KL divergence"
    )

    @property
    def needs(self) -> tuple[str, ...]:
        """The teacher's logits."""
        return ("logits", *super().needs)


class DistillStates(Adapted):
    """The same from the teacher's stored final states and its LM head: as many floats a token as it is wide."""

    method: Literal["distill-states"] = "distill-states"
    temperature: float = Field(1.0, gt=0, description="temperature of both distributions")
    label_loss_weight: float = Field(
        0.0, ge=0, description="weight of cross-entropy beside the KL divergence"
    )

    @property
    def needs(self) -> tuple[str, ...]:
        """The teacher's final states."""
        return ("states", *super().needs)


class DistillHidden(Adapted):
    """Distillation of the teacher's hidden states at the paired layers through a learned projector."""

    method: Literal["distill-hidden"] = "distill-hidden"
    layer_loss_weight: float = Field(1.0, ge=0, description="weight of the loss on the states")
    label_loss_weight: float = Field(1.0, ge=0, description="weight of cross-entropy on the answers")

    @property
    def needs(self) -> tuple[str, ...]:
        """The teacher's states, and which layers are paired."""
        return ("pairing", "activations")


class FlexKd(Adapted):
    """Flex-KD: distillation of the teacher's most task-relevant hidden dimensions, without a projector."""

    method: Literal["flex-kd"] = "flex-kd"
    layer_loss_weight: float = Field(1.0, ge=0, description="weight of the correlation loss on the states")
    label_loss_weight: float = Field(1.0, ge=0, description="weight of cross-entropy on the answers")
    logit_loss_weight: float = Field(
        0.0, ge=0, description="weight of the KL divergence to the teacher's logits; 0 needs none"
    )

    @model_validator(mode="after")
    def _has_whole_batches(self) -> Self:
        if self.layer_loss_weight:
            refuse_portions(self.optimisation, "its loss correlates over all positions of a batch")
        return self

    @property
    def needs(self) -> tuple[str, ...]:
        """The teacher's states at the chosen dimensions, and its logits where they have a weight."""
        return ("units", *(("logits",) if self.logit_loss_weight else ()), *super().needs)
