"""Residual geometry: similarities between tokens in a layer's contribution are trained to match the teacher's.

A reconstruction from the abstract of the later versions of SemAlign (arXiv 2510.24208). `relations` holds the loss, and
lists what the abstract leaves open.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from semalign.config.methods import Adapted, PairedOrAll, refuse_portions
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.registry import method


class ResidualGeometry(Adapted):
    """Similarities between tokens in a layer's contribution are trained to match the targets', with a KL divergence.

    A reconstruction from the abstract of the later versions of SemAlign's paper; its results are not meant to represent
    the paper's.
    """

    method: Literal["residual-geometry"] = "residual-geometry"
    layers: PairedOrAll = Field(
        "paired",
        description="layers to adapt: the paired ones, or all; the layer loss covers the paired ones",
    )
    layer_loss_weight: float = Field(1.0, ge=0, description="weight of 1 - CKA(contributions, targets)")
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
    def demands(self) -> dict[str, str]:
        """States must be what a layer adds to the residual stream."""
        return {"activations.interface": "contribution"}

    @property
    def steers_to(self) -> str:
        """Nothing: relations between positions say of no position where its state should be."""
        return ""

    @model_validator(mode="after")
    def _has_whole_batches(self) -> Self:
        if self.layer_loss_weight:
            refuse_portions(self.optimisation, "its loss relates all positions of a batch")
        return self

    @model_validator(mode="after")
    def _trains_something(self) -> Self:
        if not (self.layer_loss_weight or self.divergence_weight or self.label_loss_weight):
            raise ValueError("nothing would be trained: found no weight above 0, expected one")
        return self


@method("residual-geometry", title="Residual geometry", settings=ResidualGeometry)
def transfer(task: TransferTask[ResidualGeometry], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the train split towards the stored targets and distributions."""
    from semalign.methods.experimental.residual_geometry.relations import relate

    return relate(task, folder)
