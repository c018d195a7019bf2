"""The interface of every method: it takes a task and writes a transfer folder."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from semalign.config.methods import MethodSettings

SettingsT = TypeVar("SettingsT", bound=MethodSettings)
ReadT = TypeVar("ReadT", bound=MethodSettings, covariant=True)  # a task is only read


@dataclass(frozen=True)
class TransferTask(Generic[ReadT]):
    """Input of a method.

    `student` and `teacher` are model folders and `benchmark` is a folder of splits. `signals` maps each stage in the
    settings' `needs` to its folder. A long training saves checkpoints in `checkpoint`; one is resumed only if it was
    saved with the same `identity`. `label` names the training in progress messages.
    """

    student: Path
    teacher: Path
    benchmark: Path
    signals: dict[str, Path]
    settings: ReadT
    seed: int
    checkpoint: Path
    label: str = "transfer"
    identity: str = ""


@dataclass(frozen=True)
class TransferReport:
    """Costs and training history of a method's run.

    `teacher_passes` counts the examples that were passed through the teacher for it.
    """

    trainable_parameters: int = 0
    teacher_passes: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


Transfer = Callable[[TransferTask[SettingsT], Path], TransferReport]


@dataclass(frozen=True)
class Method(Generic[SettingsT]):
    """A method: its name, its settings, and the function that writes its transfer folder."""

    name: str
    settings: type[SettingsT]
    transfer: Transfer[SettingsT]

    def __call__(self, task: TransferTask[SettingsT], folder: Path) -> TransferReport:
        """Run the method."""
        return self.transfer(task, folder)
