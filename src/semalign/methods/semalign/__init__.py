"""SemAlign (arXiv 2510.24208v1): paired layers are steered towards teacher states mapped into the student's space.

`steering` holds the losses on layers and logits.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from semalign.config.methods import Ordered, PairedOrAll
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.registry import method


class SemAlign(Ordered):
    """SemAlign, version 1 of the paper: paired layers are steered towards the teacher's states by latent alignment."""

    method: Literal["semalign"] = "semalign"
    layer_loss_weight: float = Field(1.0, ge=0, description="weight of the layer loss; 1 in the paper")
    label_loss: Literal["cosine-logits", "cosine-probabilities", "cross-entropy", "kl", "none"] = Field(
        "cosine-logits",
        description="loss on the final logits: cosine to the one-hot label (paper), the same on probabilities, "
        "cross-entropy, KL divergence to the teacher's stored logits, or none",
    )
    label_loss_weight: float = Field(1.0, ge=0, description="weight of the label loss; 1 in the paper")
    layers: PairedOrAll = Field(
        "paired",
        description="adapt the paired layers (paper) or all; the layer loss covers only the paired ones",
    )

    @property
    def needs(self) -> tuple[str, ...]:
        """Targets of the paired layers, and the teacher's logits if the label loss is the KL divergence to them."""
        return ("alignment", "logits") if self.reads_logits else ("alignment",)

    @property
    def has_label_loss(self) -> bool:
        """Whether there is a loss on the final logits."""
        return self.label_loss != "none" and self.label_loss_weight > 0

    @property
    def layer_local(self) -> bool:
        """Whether only the layer loss trains."""
        return not self.has_label_loss

    @property
    def reads_logits(self) -> bool:
        """Whether the loss on the final logits is the KL divergence to the teacher."""
        return self.label_loss == "kl" and self.has_label_loss

    @model_validator(mode="after")
    def _trains_something(self) -> Self:
        if not (self.has_label_loss or self.layer_loss_weight):
            raise ValueError(
                "nothing would be trained: found layer_loss_weight 0 and no label loss, expected at least one loss"
            )
        return self


@method("semalign", title="SemAlign", paper="arXiv:2510.24208", settings=SemAlign)
def transfer(task: TransferTask[SemAlign], folder: Path) -> TransferReport:
    """Steer the paired layers on the train split."""
    from semalign.methods.semalign.steering import steer

    return steer(task, folder)
