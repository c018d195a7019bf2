"""The cost table as text."""

from collections.abc import Sequence

from semalign.study.planning.memory import GIGA, Peak
from semalign.study.planning.study import Row

HOURS = "GPU hours"
NO_GPU = "no GPU"  # in a rule's name: its hours are a processor's wherever the others run
COLUMNS = (
    "rule",
    "jobs",
    HOURS,
    "disk GB",
    "peak GB",
    "of it weights",
    "optimiser",
    "activations",
    "other",
)


def cost_table(rows: Sequence[Row], on_gpu: bool = True) -> str:
    """A line a rule and one for all; peaks are those of the largest job of a rule, a dash where none is predicted.

    On a GPU, the hours of all are a GPU's alone.
    """
    heads = COLUMNS if on_gpu else tuple("core hours" if name == HOURS else name for name in COLUMNS)
    lines = [heads, *(_cells(row, on_gpu) for row in rows)]
    hours = sum(row.hours for row in rows if not (on_gpu and NO_GPU in row.rule))
    total = (sum(row.jobs for row in rows), hours, sum(row.disk for row in rows))
    largest = max((row.peak for row in rows), key=lambda peak: peak.total, default=Peak())
    lines.append(_cells(Row("all", *total, largest), on_gpu))
    widths = [max(len(line[place]) for line in lines) for place in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def _cells(row: Row, on_gpu: bool) -> tuple[str, ...]:
    peak = row.peak
    sizes = (peak.total, peak.weights, peak.gradients + peak.optimiser, peak.activations, peak.other)
    hours = f"({row.hours:.1f} CPU)" if on_gpu and NO_GPU in row.rule else f"{row.hours:.1f}"
    return (
        row.rule,
        str(row.jobs),
        hours,
        f"{row.disk / GIGA:.2f}",
        *(f"{size / GIGA:.2f}" if peak.total else "–" for size in sizes),
    )
