"""The untouched student and teacher, the references for every method."""

from pathlib import Path
from typing import ClassVar, Literal

from semalign.config.methods import MethodSettings
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.registry import method


class Student(MethodSettings):
    """The untouched student, without training."""

    trained: ClassVar[bool] = False
    method: Literal["student"] = "student"


class Teacher(MethodSettings):
    """The untouched teacher, without training."""

    trained: ClassVar[bool] = False
    method: Literal["teacher"] = "teacher"


@method("student", title="Student", settings=Student)
def student(_task: TransferTask[Student], folder: Path) -> TransferReport:
    """The student as it is, without training."""
    from semalign.models.transfers import write_transfer

    write_transfer(folder, "untouched", "student")
    return TransferReport()


@method("teacher", title="Teacher", settings=Teacher)
def teacher(_task: TransferTask[Teacher], folder: Path) -> TransferReport:
    """The teacher as it is, without training."""
    from semalign.models.transfers import write_transfer

    write_transfer(folder, "untouched", "teacher")
    return TransferReport()
