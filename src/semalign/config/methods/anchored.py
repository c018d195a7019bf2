"""Prox and its control: block outputs are kept near targets that stand in the student's own space."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from semalign.config.methods.base import Adapted

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
        """Which layers are paired, and the teacher's logits where they are distilled."""
        return ("pairing", *(("logits",) if self.distillation == "logits" else ()))

    @property
    def moves(self) -> bool:
        """Whether a loss on the answers moves the student."""
        return self.distillation != "none" or self.label_loss_weight > 0


class Prox(Anchored):
    """Block outputs learn states that say what the teacher's layer says and lie near the student's own."""

    method: Literal["prox"] = "prox"
    proximity: float = Field(
        0.3, ge=0, description="weight of a target's squared distance from the student's own state"
    )
    solver_steps: int = Field(40, ge=1, description="Adam updates of a target")
    solver_rate: float = Field(
        0.1, gt=0, description="learning rate of these, in the states' standard deviations"
    )

    @property
    def needs(self) -> tuple[str, ...]:
        """The teacher's states beside what both need."""
        return ("activations", *super().needs)

    @property
    def demands(self) -> dict[str, Any]:
        """A final norm and a head read block outputs."""
        return {"activations.interface": "block"}

    @model_validator(mode="after")
    def _learns(self) -> Self:
        if not (self.moves or self.layer_loss_weight):
            raise ValueError(
                "found no loss, expected a layer_loss_weight, a label_loss_weight or distillation"
            )
        return self


class SelfAnchor(Anchored):
    """Prox's control: block outputs are kept near the student's own, so that the answers' losses alone teach."""

    method: Literal["self-anchor"] = "self-anchor"
    layer_loss_weight: float = Field(
        0.1, ge=0, description="weight of the block outputs' squared distance, over their variance"
    )
    distillation: Distillation = Field(
        "logits", description="logits: the KL divergence to the teacher's stored logits beside it"
    )

    @model_validator(mode="after")
    def _learns(self) -> Self:
        if not self.moves:
            raise ValueError(
                "found no loss beside the anchor, which alone moves nothing; expected a label_loss_weight or "
                "distillation: logits"
            )
        return self
