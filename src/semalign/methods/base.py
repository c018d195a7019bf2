"""The one interface of every method: a task in, a transfer folder out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from semalign.config.methods import MethodSettings

SettingsT = TypeVar("SettingsT", bound=MethodSettings)
ReadT = TypeVar("ReadT", bound=MethodSettings, covariant=True)  # a task is only read


@dataclass(frozen=True)
class TransferTask(Generic[ReadT]):
    """What a method is given.

    `student` and `teacher` are model folders, `benchmark` a folder of splits, `signals` the folders of the
    stages that the method's settings name in `needs`. `checkpoint` is where a long training may save itself,
    `identity` what such a checkpoint must share with this run, `label` what its progress lines are called.
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
    """What the transfer cost and how it went.

    `teacher_passes` counts the examples that went through the teacher for it.
    """

    trainable_parameters: int = 0
    teacher_passes: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


Transfer = Callable[[TransferTask[SettingsT], Path], TransferReport]


@dataclass(frozen=True)
class Method(Generic[SettingsT]):
    """A method of a study: its name and settings, and the function that writes its transfer folder."""

    name: str
    settings: type[SettingsT]
    transfer: Transfer[SettingsT]

    def __call__(self, task: TransferTask[SettingsT], folder: Path) -> TransferReport:
        """Run the method."""
        return self.transfer(task, folder)
