"""Pullback: layers are steered towards nearby states with which the student itself predicts what the teacher does.

The displacements are solved for once (`signals.pullback`), through the student's own upper layers, and shared by
learning rates, ranks and seeds. Training runs none of these layers.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.displaced import Displaced
from semalign.methods.registry import method


class PullbackTargets(Displaced):
    """Paired layers are steered towards nearby states with which the student predicts what the teacher predicts.

    Section `pullback` of the config says how these states are solved for.
    """

    method: Literal["pullback"] = "pullback"
    layers: Literal["paired"] = Field("paired", description="layers to adapt: the paired ones")
    scale: float = Field(1.0, gt=0, le=100, description="factor on the solved displacements")

    @property
    def needs(self) -> tuple[str, ...]:
        """The solved displacements, and what `Displaced` reads."""
        return (*super().needs, "pullback")


@method("pullback", title="Pullback", settings=PullbackTargets)
def transfer(task: TransferTask[PullbackTargets], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the train split towards the solved displacements."""
    from semalign.methods.displaced.stored import train_towards_stored

    return train_towards_stored(task, "pullback", folder, task.settings.scale)
