"""Residual geometry: similarities between tokens in a layer's contribution are trained to match the teacher's.

A reconstruction from the abstract of version 2 of SemAlign (arXiv 2510.24208). `relations` holds the loss, and lists
what the abstract leaves open.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from semalign.config.methods import refuse_portions
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.experimental.reconstructed import Reconstructed
from semalign.methods.registry import method


class ResidualGeometry(Reconstructed):
    """Similarities between tokens in a layer's contribution are trained to match the targets', with a KL divergence.

    A reconstruction from the abstract of version 2 of SemAlign's paper; its results are not meant to represent the
    paper's.
    """

    method: Literal["residual-geometry"] = "residual-geometry"
    layer_loss_weight: float = Field(1.0, ge=0, description="weight of 1 - CKA(contributions, targets)")

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


@method("residual-geometry", title="Residual geometry", settings=ResidualGeometry)
def transfer(task: TransferTask[ResidualGeometry], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the train split towards the stored targets and distributions."""
    from semalign.methods.experimental.reconstructed.training import reconstruct
    from semalign.methods.experimental.residual_geometry.relations import relate

    return reconstruct(task, relate, folder)
