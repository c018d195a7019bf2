"""Oracle: a control whose targets are the states of a student that another method has trained.

If steering towards these states fails, no way of making targets can work; if it works, the targets are what fails.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.displaced import Displaced
from semalign.methods.registry import method


class OracleTargets(Displaced):
    """Control: paired layers are steered towards the states of a student that another method has trained.

    Section `oracle` of the config says which method, and with which seed.
    """

    method: Literal["oracle"] = "oracle"
    layers: Literal["paired"] = Field("paired", description="layers to adapt: the paired ones")

    @property
    def needs(self) -> tuple[str, ...]:
        """The trained student's displacements, and what `Displaced` reads."""
        return (*super().needs, "oracle")


@method("oracle", title="Oracle", settings=OracleTargets)
def transfer(task: TransferTask[OracleTargets], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the train split towards the stored displacements."""
    from semalign.methods.displaced.stored import train_towards_stored

    return train_towards_stored(task, "oracle", folder)
