"""What a study will cost on this machine, as one line before its first job."""

import os
from pathlib import Path

from semalign.runtime.errors import UserError
from semalign.runtime.launch import GPUS
from semalign.runtime.progress import span
from semalign.study.definition import Study
from semalign.study.planning.memory import GIGA
from semalign.study.planning.study import Plan
from semalign.study.planning.work import DEVICES, Device

NAMES = Path("/proc/driver/nvidia/gpus")  # a folder per GPU; reading it starts no other program
KINDS = {"A100": "a100", "H100": "h100", "H200": "h100", "GH200": "h100"}
MADE = ("tiny", "pruned")  # sources of models that are trained first, for a time that is not predicted


def budget_line(study: Study, cores: int) -> str:
    """The predicted time of the whole study, its disk space and the memory of its largest job.

    Empty if that can't be predicted: for models that are made first, sizes that are not known yet, or a GPU that is not
    in the table. With `search.widen`, the larger time is that of searches which all go on beyond an end of their grid.
    """
    device = this_device(study.device)
    models = (settings.source for settings in study.models.values())
    if device is None or any(source in MADE for source in models):
        return ""
    try:
        plan = Plan(study, device)
        jobs, further = list(plan.jobs()), list(plan.widened())
    except (UserError, OSError, ValueError):
        return ""
    side_by_side = max(1, cores) if device.name == "cpu" else 1
    least = sum(job.seconds for job in jobs) / side_by_side
    most = least + sum(job.seconds for job in further) / side_by_side
    disk, peak = sum(job.disk for job in jobs), max((job.peak.total for job in jobs), default=0)
    where = f"{cores} core{'s' * (cores > 1)}" if device.name == "cpu" else device.name.upper()
    return (
        f"predicted for the whole study: {_spans(least, most)} on {where}, {_size(disk)} of disk, "
        f"{_size(peak)} of memory for the models and data of the largest job"
    )


def this_device(wanted: str) -> Device | None:
    """The device that jobs on this machine use, as far as files tell; None for a GPU that has no entry."""
    wanted = os.environ.get("SEMALIGN_DEVICE") or wanted if wanted == "auto" else wanted
    if wanted == "cpu" or not any(map(os.path.exists, GPUS)):
        return DEVICES["cpu"]
    names = [path.read_text(encoding="utf-8") for path in sorted(NAMES.glob("*/information"))]
    kinds = {kind for text in names for name, kind in KINDS.items() if name in text}
    return DEVICES[kinds.pop()] if len(kinds) == 1 else None


def _spans(least: float, most: float) -> str:
    """`12 to 18 min`, or one of the two if they are printed alike."""
    left, right = span(least), span(most)
    if left == right:
        return f"about {left}"
    number, unit = left.rsplit(" ", 1)
    return (
        f"{number} to {right}" if right.endswith(f" {unit}") and " h " not in left else f"{left} to {right}"
    )


def _size(number: float) -> str:
    giga = number / GIGA
    return f"{giga:.1f} GB" if giga >= 1 else f"{giga:.2g} GB"
