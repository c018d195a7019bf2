"""The costs of every method: one row per pair, benchmark and method.

`costs` has what one training took, and what came before it. `study_costs` has what a study with a search and several
seeds took, with signals that all its trainings share.
"""

from collections.abc import Iterable

from semalign.runtime.columns import FLOPS
from semalign.statistics.tables.cells import Group, Key
from semalign.statistics.tables.compare import Results
from semalign.statistics.tables.rows import Row, average, integral
from semalign.statistics.tables.text import rate_text

SPREAD = ("train_seconds",)
LARGEST = ("peak_memory_mb", "signal_memory_mb", "signal_mb", "trainable_parameters", "teacher_passes")
EQUAL = ("learning_rate", "searched", "search_seconds", "signal_seconds", "trials", *FLOPS)
GRID = 5 * 5  # trainings of a study with five learning rates and five seeds, each combination trained
UNITS = ("seconds", "flops")


def cost_rows(results: Results, keys: Iterable[Key]) -> list[Row]:
    """Seconds of training (mean, lowest and highest over seeds), of the search and of the teacher's signals.

    `peak_memory_mb` is the peak memory of the training, `signal_memory_mb` that of the stages with the teacher in
    memory, both for whole processes. `signal_mb` is what those stages stored. Signals that several methods share count
    for each of them. `teacher_passes` is the number of examples that went through the teacher. `searched` is 1 if the
    learning rate was chosen by a search, 0 if it is fixed. `*_flops` are floating-point operations in matrix products,
    a mean over seeds for the training.
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
    row = {name: integral(name, value) for name, value in row.items()}
    row["learning_rate"] = rate_text(row["learning_rate"])
    return row


def study_cost_rows(results: Results, keys: Iterable[Key]) -> list[Row]:
    """Seconds and operations of a method in a study: signals once, all trials of the search, all final trainings.

    `study_*` is the sum as this study ran it. `grid_*` is signals + 25 x one training, for five learning rates and five
    seeds of which every combination is trained. Untrained methods have no row.
    """
    groups = {key: results.groups[key] for key in keys}
    return [
        {"pair": key.pair, "benchmark": key.benchmark, "method": key.method} | _study_row(group)
        for key, group in groups.items()
        if group.scores.trained
    ]


def _study_row(group: Group) -> Row:
    trials = group.costs("trials")
    row: Row = {"trials": round(max(trials)) if trials else None, "seeds": len(group.cells)}
    for unit in UNITS:
        signals, search, trainings = (group.costs(f"{part}_{unit}") for part in ("signal", "search", "train"))
        complete = len(signals) == len(search) == len(trainings) == len(group.cells)
        costs: list[float | None] = [None] * 5
        if complete:
            before, tried, final = average(signals), average(search), sum(trainings)
            costs = [before, tried, final, before + tried + final, before + GRID * average(trainings)]
        names = [f"{part}_{unit}" for part in ("signal", "search", "seed", "study", "grid")]
        row |= {name: _whole(unit, value) for name, value in zip(names, costs, strict=True)}
    return row


def _whole(unit: str, value: float | None) -> float | int | None:
    return round(value) if unit == "flops" and value is not None else value


def compute_of(groups: Iterable[Group]) -> dict[str, float | None]:
    """Costs of one training per group, added up: `seconds` and `flops` with the signals, `train_flops` without them.

    None if a cell has no such cost.
    """
    parts = {
        "seconds": ("train_seconds", "signal_seconds"),
        "flops": ("train_flops", "signal_flops"),
        "train_flops": ("train_flops",),
    }
    totals: dict[str, float | None] = {}
    groups = list(groups)
    for name, costs in parts.items():
        values = [group.costs(cost) for group in groups for cost in costs]
        totals[name] = sum(average(each) for each in values) if all(values) else None
    return totals
