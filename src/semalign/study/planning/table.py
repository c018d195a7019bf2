"""Cost table of a study as text."""

from collections.abc import Sequence

import pandas as pd

from semalign.runtime.tables_text import markdown
from semalign.study.planning.jobs import Row
from semalign.study.planning.memory import GIGA, Peak
from semalign.study.sections import Study

NO_GPU = "no GPU"  # in a rule's name: its hours are CPU hours, even if other rules run on a GPU
NOTHING = "–"


def cost_table(rows: Sequence[Row], on_gpu: bool = True) -> str:
    """Return a table with one line per rule and a total.

    A peak is that of the rule's largest job, or a dash if none is predicted. With `on_gpu`, the total hours are GPU
    hours only.
    """
    hours = sum(row.hours for row in rows if not (on_gpu and NO_GPU in row.rule))
    largest = max((row.peak for row in rows), key=lambda peak: peak.total, default=Peak())
    total = Row("all", sum(row.jobs for row in rows), hours, sum(row.disk for row in rows), largest)
    table = pd.DataFrame([_cells(row, on_gpu) for row in (*rows, total)])
    return markdown(table, [column != "rule" for column in table.columns], form="plain")


def unplanned(study: Study, searches: int) -> str:
    """What a table of costs leaves out because only the run can tell it; empty if nothing."""
    if not (study.search.widen and searches):
        return ""
    more = 2 * study.search.widen
    return (
        f"a lower bound: each of the {searches} searches may train and score up to {more} more trials beyond its grid "
        "(search.widen)"
    )


def _cells(row: Row, on_gpu: bool) -> dict[str, str]:
    peak = row.peak
    sizes = {
        "peak GB": peak.total,
        "of it weights": peak.weights,
        "optimiser": peak.gradients + peak.optimiser,
        "activations": peak.activations,
        "other": peak.other,
    }
    return {
        "rule": row.rule,
        "jobs": str(row.jobs),
        "GPU hours" if on_gpu else "core hours": _hours(row, on_gpu),
        "disk GB": f"{row.disk / GIGA:.2f}",
        **{name: f"{size / GIGA:.2f}" if peak.total else NOTHING for name, size in sizes.items()},
    }


def _hours(row: Row, on_gpu: bool) -> str:
    return f"({row.hours:.1f} CPU)" if on_gpu and NO_GPU in row.rule else f"{row.hours:.1f}"
