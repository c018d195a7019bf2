"""OPRD's low-rank bridge (arXiv 2606.06021): states are compared in a few dimensions, through frozen projections.

`bridge` fits the projections, `training` trains the student against them.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from semalign.config.methods import MAX_RANK, Adapted, PairedOrAll
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.registry import method


class OprdBridge(Adapted):
    """Distillation of the teacher's states at the paired layers, through a frozen bridge of low rank.

    OPRD trains on answers that the student generates; here, as in all methods, on those of the train split.
    """

    method: Literal["oprd-bridge"] = "oprd-bridge"
    layers: PairedOrAll = Field(
        "paired",
        description="layers to adapt: the paired ones, or all; the layer loss covers the paired ones",
    )
    rank: int = Field(
        8, ge=1, le=MAX_RANK, description="dimensions in which the states of teacher and student are compared"
    )
    label_loss_weight: float = Field(
        0.0, ge=0, description="weight of cross-entropy on the answers; 0 in the paper"
    )

    @property
    def layer_local(self) -> bool:
        """Whether only the loss on the states trains."""
        return not self.label_loss_weight

    @property
    def needs(self) -> tuple[str, ...]:
        """The pairing, and the teacher's states at the paired layers."""
        return ("pairing", "activations")

    @property
    def demands(self) -> dict[str, Any]:
        """States must be block outputs, the hidden states of the paper."""
        return {"activations.interface": "block"}


@method("oprd-bridge", title="OPRD bridge", paper="arXiv:2606.06021", settings=OprdBridge)
def transfer(task: TransferTask[OprdBridge], folder: Path) -> TransferReport:
    """Fit the bridges, then train a LoRA adapter on the train split against them."""
    from semalign.methods.oprd_bridge.training import bridge_and_train

    return bridge_and_train(task, folder)
