"""What the tables for readers share: printed names, one column per benchmark, numbers with their intervals."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from semalign.report.names import part_titles, spell, titled
from semalign.report.reading import Tables
from semalign.report.words import interval, side

Table = Callable[[Tables], pd.DataFrame]
MARKS = {"higher": " ▲", "lower": " ▼", 1: " ▲", -1: " ▼"}
BOUNDS = ("", "_low", "_high")


def shown(needed: str) -> Callable[[Table], Table]:
    """Make a table for readers from the study's table `needed`: with printed names; no rows if it is missing."""

    def wrap(make: Table) -> Table:
        @functools.wraps(make)
        def show(tables: Tables) -> pd.DataFrame:
            if needed not in tables or tables[needed].empty:
                return pd.DataFrame()
            with titled(tables.levels.titles):
                return make(tables)

        return show

    return wrap


def by_benchmark(
    cells: pd.DataFrame, rows_are: str = "method", title: Callable[[str], str] | None = None
) -> pd.DataFrame:
    """The column `text`: one row per method (and pair, of several), one column per benchmark, in table order."""
    title = title or part_titles(cells["benchmark"])
    keys = ["pair", "method"] if cells["pair"].nunique() > 1 else ["method"]
    rows = cells[keys].drop_duplicates().reset_index(drop=True)
    for benchmark in dict.fromkeys(cells["benchmark"]):
        column = cells.loc[cells["benchmark"] == benchmark, [*keys, "text"]]
        rows = rows.merge(column.rename(columns={"text": title(benchmark)}), on=keys, how="left")
    named = rows.assign(**{key: rows[key].map(spell) for key in keys if rows_are == key or key == "pair"})
    return named.fillna("").rename(columns={"method": rows_are})


def with_interval(row: Mapping[Any, Any], name: str, digits: int = 1) -> str:
    """`34.0 [26.6, 42.0]`, or the value alone if it has no interval."""
    value, low, high = (f"{row[f'{name}{end}']:.{digits}f}" for end in BOUNDS)
    return (
        value if pd.isna(row[f"{name}_low"]) or pd.isna(row[f"{name}_high"]) else f"{value} [{low}, {high}]"
    )


def difference_of(row: Mapping[Any, Any]) -> str:
    """`+1.2 [−0.3, +2.7]`, from the columns `difference`, `low` and `high`."""
    return interval(row["difference"], row["low"], row["high"])


def moved(row: Mapping[Any, Any], name: str, digits: int = 1) -> str:
    """` (+1.2 [−0.3, +2.7])`, marked if the interval excludes zero; nothing for the student itself."""
    if pd.isna(row[name]):
        return ""
    value, low, high = (float(row[f"{name}{end}"]) for end in BOUNDS)
    return f" ({interval(value, low, high, digits)}){MARKS.get(side(low, high), '')}"
