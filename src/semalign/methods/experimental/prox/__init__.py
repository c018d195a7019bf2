"""Block outputs of the paired layers learn nearby states that the head reads as the teacher's are read.

`targets` solves the targets with `solver` and trains towards them.
"""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.experimental.anchored import Anchored
from semalign.methods.registry import method


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
        """The teacher's states, and what self-anchor needs too."""
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


@method("prox", title="Proximal targets", settings=Prox)
def transfer(task: TransferTask[Prox], folder: Path) -> TransferReport:
    """Solve the targets, then train towards them on the train split."""
    from semalign.methods.experimental.prox.targets import solve_and_train

    return solve_and_train(task, folder)
