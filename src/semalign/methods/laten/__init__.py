"""Hypernetworks map the teacher's most attributed neurons to additions to the student's.

`alignment` trains the hypernetworks, `injection` adds what they give to the student's weights and checks it.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from semalign.config.base import Strict
from semalign.config.methods import MethodSettings
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.registry import method


class HypernetworkOptimisation(Strict):
    """AdamW on the hypernetworks with a one-cycle schedule, as released."""

    learning_rate: float = Field(3e-4, gt=0, le=1, description="peak learning rate; 3e-5 to 3e-4 as released")
    steps: int | None = Field(
        None,
        ge=1,
        description="updates, one extract example each; null: every example once. Fewer stop early on the schedule "
        "of the whole round (the authors chose 2 to 8 of 20 so), more go round again",
    )
    weight_decay: float = Field(0.05, ge=0, le=1, description="decoupled decay, times the learning rate")


class Laten(MethodSettings):
    """A hypernetwork turns the teacher's most attributed neurons into additions to the student's."""

    method: Literal["laten"] = "laten"
    as_released: bool = Field(
        False,
        description="as the released code: its lens scale, last key position only, rounded scores, first answer "
        "token unsupervised",
    )
    rate: float = Field(0.1, gt=0, le=1, description="share of a layer's neurons that is transferred")
    align_batch: int = Field(15, ge=0, description="align examples beside the extract example of an update")
    shrinkage: float = Field(1000.0, ge=0, description="weight of the additions' mean squares in the loss")
    initial_deviation: float = Field(
        1e-5, gt=0, description="standard deviation of the hypernetworks' initial weights"
    )
    optimisation: HypernetworkOptimisation = HypernetworkOptimisation()

    @property
    def needs(self) -> tuple[str, ...]:
        """The located neurons of both models."""
        return ("location",)

    @property
    def demands(self) -> dict[str, Any]:
        """Neurons are located by the same reading and at the same rate."""
        return {"location.as_released": self.as_released, "location.rate": self.rate}


@method("laten", title="LaTen", paper="arXiv:2505.14436", settings=Laten)
def transfer(task: TransferTask[Laten], folder: Path) -> TransferReport:
    """Align the hypernetworks on the extract and align splits, inject by the final location, check the export."""
    from semalign.methods.laten.alignment import align_and_inject

    return align_and_inject(task, folder)
