"""Layer-wise distillation: the student's states at the paired layers learn to predict the teacher's."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from semalign.config.methods import Adapted
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.registry import method


class DistillHidden(Adapted):
    """Distillation of the teacher's hidden states at the paired layers through a learned projector."""

    method: Literal["distill-hidden"] = "distill-hidden"
    layer_loss_weight: float = Field(1.0, ge=0, description="weight of the loss on the states")
    label_loss_weight: float = Field(1.0, ge=0, description="weight of cross-entropy on the answers")

    @property
    def needs(self) -> tuple[str, ...]:
        """The teacher's states, and which layers are paired."""
        return ("pairing", "activations")


@method("distill-hidden", title="Hidden-state distillation", settings=DistillHidden)
def transfer(task: TransferTask[DistillHidden], folder: Path) -> TransferReport:
    """Train on the train split against the stored states."""
    from semalign.methods.distill_hidden.projection import distill

    return distill(task, folder)
