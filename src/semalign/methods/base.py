"""The one interface of every method: a task in, a transfer folder out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class TransferTask:
    """What a method is given.

    `student` and `teacher` are model folders, `benchmark` a folder of splits, `signals` the folders of the
    stages that the method's settings name in `needs`. `checkpoint` is where a long training may save itself,
    `identity` what such a checkpoint must share with this run, `label` what its progress lines are called.
    """

    student: Path
    teacher: Path
    benchmark: Path
    signals: dict[str, Path]
    settings: Any
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


Method = Callable[[TransferTask, Path], TransferReport]
