"""LaTen (arXiv 2505.14436): hypernetworks map the teacher's most attributed neurons to additions to the student's.

`alignment` trains the hypernetworks; `injection` adds their outputs to the student's weights and checks the result.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from semalign.config.base import Strict
from semalign.config.methods import MethodSettings
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.registry import method


class HypernetworkOptimisation(Strict):
    """Training of the hypernetworks with AdamW and a one-cycle schedule, as in the released code."""

    learning_rate: float = Field(
        3e-4, gt=0, le=1, description="peak learning rate; the authors use values from 3e-5 to 3e-4"
    )
    steps: int | None = Field(
        None,
        ge=1,
        description="number of updates, each on one extract example; null uses every example once. A smaller number "
        "stops early on the schedule of a full pass (the authors stop after 2 to 8 of 20), a larger one repeats "
        "examples",
    )
    weight_decay: float = Field(
        0.05, ge=0, le=1, description="decoupled weight decay, multiplied by the learning rate"
    )


class Laten(MethodSettings):
    """LaTen: hypernetworks map the teacher's most attributed neurons to additions to the student's weights."""

    separate: ClassVar[tuple[str, ...]] = ("up", "down", "o")
    deep_teacher: ClassVar[bool] = True

    method: Literal["laten"] = "laten"
    as_released: bool = Field(
        False,
        description="follow the released code in four details: lens scale, last key position only, rounded scores, "
        "first answer token not supervised",
    )
    rate: float = Field(0.1, gt=0, le=1, description="share of a layer's neurons that is transferred")
    align_batch: int = Field(
        15, ge=0, description="align examples per update, in addition to its extract example"
    )
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
        """Location must use the same `as_released` and the same share of neurons."""
        return {"location.as_released": self.as_released, "location.rate": self.rate}


@method("laten", title="LaTen", paper="arXiv:2505.14436", settings=Laten)
def transfer(task: TransferTask[Laten], folder: Path) -> TransferReport:
    """Train the hypernetworks on the extract and align splits, inject at the final location, and check the result."""
    from semalign.methods.laten.alignment import align_and_inject

    return align_and_inject(task, folder)
