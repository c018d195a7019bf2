"""The costs of every method: one row per pair, benchmark and method."""

from collections.abc import Iterable

from semalign.statistics.tables.cells import Group, Key
from semalign.statistics.tables.compare import Results
from semalign.statistics.tables.rows import Row, average
from semalign.statistics.tables.text import rate_text

SPREAD = ("train_seconds",)
LARGEST = ("peak_memory_mb", "signal_memory_mb", "signal_mb", "trainable_parameters", "teacher_passes")
EQUAL = ("learning_rate", "searched", "search_seconds", "signal_seconds")


def cost_rows(results: Results, keys: Iterable[Key]) -> list[Row]:
    """Seconds of training (mean, lowest and highest over seeds), of the search and of the teacher's signals.

    `peak_memory_mb` is the peak memory of the training, `signal_memory_mb` that of the stages with the teacher in
    memory, both for whole processes. `signal_mb` is what those stages stored. Signals that several methods share count
    for each of them. `teacher_passes` is the number of examples that went through the teacher.
    `searched` is 1 if the learning rate was chosen by a search, 0 if it is fixed.
    """
    return [key._asdict() | _row(results.groups[key]) for key in keys]


def _row(group: Group) -> Row:
    row: Row = {"seeds": len(group.cells)}
    for name in (*SPREAD, *LARGEST, *EQUAL):
        values = group.costs(name)
        row[name] = (max(values) if name in LARGEST else average(values)) if values else None
    for name in SPREAD:
        values = group.costs(name)
        row[f"{name}_low"], row[f"{name}_high"] = (min(values), max(values)) if values else (None, None)
    for name in ("trainable_parameters", "teacher_passes", "searched"):
        row[name] = None if row[name] is None else int(row[name])
    row["learning_rate"] = rate_text(row["learning_rate"])
    return row
