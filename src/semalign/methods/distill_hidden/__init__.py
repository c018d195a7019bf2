"""Layer-wise distillation: learned projectors predict the teacher's hidden states from the student's."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from semalign.config.methods import Adapted, PairedOrAll
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.registry import method


class DistillHidden(Adapted):
    """Distillation of the teacher's hidden states at the paired layers, through learned linear projectors."""

    method: Literal["distill-hidden"] = "distill-hidden"
    layers: PairedOrAll = Field(
        "paired",
        description="layers to adapt: the paired ones, or all; the layer loss covers the paired ones",
    )
    layer_loss_weight: float = Field(1.0, ge=0, description="weight of the loss on the hidden states")
    label_loss_weight: float = Field(1.0, ge=0, description="weight of cross-entropy on the answers")

    @property
    def needs(self) -> tuple[str, ...]:
        """The pairing, and the teacher's states at the paired layers."""
        return ("pairing", "activations")


@method("distill-hidden", title="Hidden-state distillation", settings=DistillHidden)
def transfer(task: TransferTask[DistillHidden], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the train split towards the teacher's stored states."""
    from semalign.methods.distill_hidden.projection import distill

    return distill(task, folder)
