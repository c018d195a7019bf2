"""The cost table as text."""

from collections.abc import Sequence

from semalign.planning.memory import GIGA, Peak
from semalign.planning.study import Row

COLUMNS = (
    "rule",
    "jobs",
    "GPU hours",
    "disk GB",
    "peak GB",
    "of it weights",
    "optimiser",
    "activations",
    "other",
)


def cost_table(rows: Sequence[Row]) -> str:
    """A line a rule and one for all; peaks are those of the largest job of a rule."""
    lines = [COLUMNS, *map(_cells, rows)]
    total = (sum(row.jobs for row in rows), sum(row.hours for row in rows), sum(row.disk for row in rows))
    largest = max((row.peak for row in rows), key=lambda peak: peak.total, default=Peak())
    lines.append(_cells(Row("all", *total, largest)))
    widths = [max(len(line[place]) for line in lines) for place in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    peak = row.peak
    sizes = (peak.total, peak.weights, peak.gradients + peak.optimiser, peak.activations, peak.other)
    hours = f"{row.hours:.1f}" if "no GPU" not in row.rule else f"({row.hours:.1f} CPU)"
    return (
        row.rule,
        str(row.jobs),
        hours,
        f"{row.disk / GIGA:.2f}",
        *(f"{size / GIGA:.2f}" for size in sizes),
    )
