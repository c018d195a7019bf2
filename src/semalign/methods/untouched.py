"""The untouched student and teacher: what every method is measured against."""

from pathlib import Path

from semalign.methods.base import TransferReport, TransferTask
from semalign.models.transfers import write_transfer


def student(_task: TransferTask, folder: Path) -> TransferReport:
    """Evaluate the student as it is."""
    write_transfer(folder, "untouched", "student")
    return TransferReport()


def teacher(_task: TransferTask, folder: Path) -> TransferReport:
    """Evaluate the teacher as it is."""
    write_transfer(folder, "untouched", "teacher")
    return TransferReport()
