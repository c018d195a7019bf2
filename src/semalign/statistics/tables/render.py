"""The main table for readers, as Markdown and LaTeX (booktabs). It has no timings: equal results give equal bytes."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pandas as pd

from semalign.runtime.tables_text import latex, markdown
from semalign.statistics.tables.text import fixed

Row = dict[str, Any]


class Column(NamedTuple):
    """A heading and the text of a row's cell; numbers are aligned to the right."""

    heading: str
    text: Callable[[Row], str]
    number: bool = True


COLUMNS = (
    Column("Pair", lambda row: row["pair"], number=False),
    Column("Benchmark", lambda row: row["benchmark"], number=False),
    Column("Method", lambda row: row["method"], number=False),
    Column("Seeds", lambda row: fixed(row["seeds"])),
    Column("Score [%]", lambda row: _with_interval(row, "score", 1)),
    Column("vs student (p)", lambda row: _with_p(row, "vs_student")),
    Column("vs best baseline (p)", lambda row: _with_p(row, "vs_best_baseline")),
    Column("Gap closed", lambda row: _with_interval(row, "gap_closed", 2)),
    Column("KL to teacher [nats]", lambda row: fixed(row["teacher_kl"], 3)),
    Column("Agreement [%]", lambda row: fixed(row["teacher_agreement"], 1)),
    Column("Trainable", lambda row: fixed(row["trainable_parameters"])),
    Column("Paper", lambda row: fixed(row["paper"], 2)),
)


def main_markdown(rows: Sequence[Row], notes: Sequence[str]) -> str:
    """The main table as Markdown with its notes below."""
    columns = _columns(rows)
    table = markdown(_frame(columns, rows), [column.number for column in columns])
    return table + "\n\n" + "\n".join(f"- {note}" for note in notes) + "\n"


def main_latex(rows: Sequence[Row], notes: Sequence[str]) -> str:
    """The main table as LaTeX, its notes as comments, with a line between benchmarks."""
    columns = _columns(rows)
    places = [(row["pair"], row["benchmark"]) for row in rows]
    breaks = [number for number in range(1, len(rows)) if places[number] != places[number - 1]]
    table = latex(_frame(columns, rows), [column.number for column in columns], rules=breaks)
    return "".join(f"% {note}\n" for note in notes) + table


def _frame(columns: Sequence[Column], rows: Sequence[Row]) -> pd.DataFrame:
    return pd.DataFrame({column.heading: [column.text(row) for row in rows] for column in columns})


def _columns(rows: Sequence[Row]) -> list[Column]:
    """The columns to show: without the pair if there is only one, without the paper if it reports no score."""
    dropped = set()
    if len({row["pair"] for row in rows}) == 1:
        dropped.add("Pair")
    if all(row["paper"] is None for row in rows):
        dropped.add("Paper")
    return [column for column in COLUMNS if column.heading not in dropped]


def _with_interval(row: Row, name: str, digits: int) -> str:
    if row[name] is None:
        return ""
    value, low, high = (fixed(float(row[key]), digits) for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value} [{low}, {high}]"


def _with_p(row: Row, name: str) -> str:
    """For example `+3.2 (p 0.013, sft)`: percentage points, corrected p-value, and the best baseline's name."""
    if row[name] is None:
        return ""
    p = row[f"{name}_p"]
    bound = "p <0.001" if p < 0.001 else f"p {fixed(float(p), 3)}"
    baseline = row.get("best_baseline") if name == "vs_best_baseline" else None
    return f"{row[name]:+.1f} ({', '.join(part for part in (bound, baseline) if part)})"
