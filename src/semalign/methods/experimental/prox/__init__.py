"""Prox: block outputs are trained towards nearby states whose predictions match those of the teacher's layer.

`solver` computes the targets; `targets` applies it to the paired layers and trains towards the results.
"""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.experimental.anchored import Anchored
from semalign.methods.registry import method


class Prox(Anchored):
    """Block outputs are trained towards nearby states whose predictions match those of the teacher's layer."""

    method: Literal["prox"] = "prox"
    proximity: float = Field(
        0.3, ge=0, description="weight of a target's squared distance from the student's own state"
    )
    solver_steps: int = Field(40, ge=1, description="Adam updates per target")
    solver_rate: float = Field(
        0.1,
        gt=0,
        description="learning rate of the target updates, in units of the states' standard deviation",
    )

    @property
    def needs(self) -> tuple[str, ...]:
        """The teacher's states, the pairing, and the teacher's logits if they are distilled."""
        return ("activations", *super().needs)

    @property
    def demands(self) -> dict[str, Any]:
        """States must be block outputs, the space that the final norm and the head read."""
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
    """Solve for the targets, then train a LoRA adapter towards them on the train split."""
    from semalign.methods.experimental.prox.targets import solve_and_train

    return solve_and_train(task, folder)
