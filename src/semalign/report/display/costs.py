"""The search and the costs of every method, as readers see them."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from semalign.report.display.texts import by_benchmark, shown, with_interval
from semalign.report.names import spell
from semalign.report.reading import Tables
from semalign.report.sentences.budgets import fixed_rates

EDGE, IDLE = "*", "†"
COSTS = {
    "trainable_parameters": ("trainable parameters", "{:,.0f}"),
    "train_flops": ("training (TFLOP)", "{:.3g}"),
    "signal_flops": ("teacher's signals (TFLOP)", "{:.3g}"),
    "search_seconds": ("search (s)", "{:.1f}"),
    "signal_seconds": ("teacher's signals (s)", "{:.1f}"),
    "teacher_passes": ("teacher passes", "{:,.0f}"),
    "signal_mb": ("stored signals (MB)", "{:.2f}"),
    "peak_memory_mb": ("peak memory, training (MB)", "{:,.0f}"),
    "signal_memory_mb": ("peak memory, signals (MB)", "{:,.0f}"),
}
UNITS = {"flops": ("TFLOP", "{:.3g}"), "seconds": ("s", "{:.0f}")}
STUDY_PARTS = {
    "signal": "signals, once",
    "search": "search",
    "seed": "final seeds",
    "study": "all",
    "grid": "5 learning rates x 5 seeds",
}
TERA = 1e12


@shown("search")
def search_table(tables: Tables) -> pd.DataFrame:
    """Methods x benchmarks: the chosen learning rate and other searched settings, and their validation score.

    Scores have `[low, high]`. `*` marks a learning rate at an edge, `†` a score that is not above the untouched
    student's. Of variants that were searched too, only the default is shown.
    """
    choices = tables["search"][tables["search"]["chosen"] == 1]
    if "variant" in choices:
        choices = choices[choices["variant"] == "default"]
    texts = [
        f"{_searched(row)}: {with_interval(row, 'score')}{IDLE * (row.get('gain', 1) <= 0)}"
        for row in choices.to_dict("records")
    ]
    return by_benchmark(choices.assign(text=texts))


def _searched(row: Mapping[Any, Any]) -> str:
    """The searched settings of a choice."""
    others = row.get("settings", "")
    rate = f"{row['learning_rate']:g}{EDGE * int(row['at_edge'])}"
    return f"{rate}, {others}" if isinstance(others, str) and others else rate


@shown("costs")
def cost_table(tables: Tables) -> pd.DataFrame:
    """One row per method: its costs as means over pairs and benchmarks; training time with its range."""
    groups = tables["costs"].groupby("method", sort=False)
    known = {name: look for name, look in COSTS.items() if name in tables["costs"]}
    means = groups[[*known, "train_seconds"]].mean()
    low, high = groups["train_seconds_low"].min(), groups["train_seconds_high"].max()
    table = pd.DataFrame({"method": means.index.map(spell)})
    table["training (s) [least, most]"] = [
        "" if pd.isna(mean) else f"{mean:.1f} [{least:.1f}, {most:.1f}]"
        for mean, least, most in zip(means["train_seconds"], low, high, strict=True)
    ]
    if fixed_rates(tables):
        table["learning rate"] = (
            groups["searched"].first().map({0: "fixed", 1: "searched"}).fillna("").tolist()
        )
    for column, (title, form) in known.items():
        if column.endswith("flops"):
            means[column] /= TERA
        table[title] = ["" if pd.isna(value) else form.format(value) for value in means[column]]
    return table


@shown("study_costs")
def study_cost_table(tables: Tables) -> pd.DataFrame:
    """One row per method: operations and seconds of a whole study with it, summed over pairs and benchmarks."""
    table = tables["study_costs"]
    parts = [f"{part}_{unit}" for unit in UNITS for part in STUDY_PARTS]
    sums = table.groupby("method", sort=False)[parts].sum(
        min_count=len(table[["pair", "benchmark"]].drop_duplicates())
    )
    costs = pd.DataFrame({"method": sums.index.map(spell)})
    for unit, (name, form) in UNITS.items():
        for part, title in STUDY_PARTS.items():
            values = sums[f"{part}_{unit}"] / (TERA if unit == "flops" else 1)
            costs[f"{title} ({name})"] = ["" if pd.isna(value) else form.format(value) for value in values]
    return costs
