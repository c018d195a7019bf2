"""Flex-KD (arXiv 2507.10155): the student's final state is trained to correlate with the teacher's top units."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from semalign.config.methods import Adapted, refuse_portions
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.registry import method


class FlexKd(Adapted):
    """Flex-KD: distillation of the teacher's most task-relevant hidden dimensions, without a projector."""

    method: Literal["flex-kd"] = "flex-kd"
    layer_loss_weight: float = Field(
        1.0, ge=0, description="weight of the correlation loss on the final states"
    )
    label_loss_weight: float = Field(1.0, ge=0, description="weight of cross-entropy on the answers")
    logit_loss_weight: float = Field(
        0.0,
        ge=0,
        description="weight of the KL divergence to the teacher's logits; if 0, no logits are stored",
    )

    @model_validator(mode="after")
    def _has_whole_batches(self) -> Self:
        if self.layer_loss_weight:
            refuse_portions(self.optimisation, "its loss correlates over all positions of a batch")
        return self

    @property
    def needs(self) -> tuple[str, ...]:
        """The teacher's states at the chosen units; its logits if their weight is not zero; the pairing if used."""
        logits = ("logits",) if self.logit_loss_weight else ()
        return ("units", *logits, *super().needs)


@method("flex-kd", title="Flex-KD", paper="arXiv:2507.10155", settings=FlexKd)
def transfer(task: TransferTask[FlexKd], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the train split towards the teacher's stored units."""
    from semalign.methods.flex_kd.correlation import distill

    return distill(task, folder)
