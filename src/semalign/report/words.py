"""Words and numbers that sentences are built of."""

import math
from collections.abc import Sequence

import pandas as pd

from semalign.report.levels import Levels
from semalign.runtime.tables_text import benchmark_title

STUDENT, TEACHER = "student", "teacher"
REFERENCES = (STUDENT, TEACHER)


def verdict(difference: float, p: float, levels: Levels) -> str:
    """Outcome of a paired test: `higher`, `lower` or `undecided`; `untested` without a p-value."""
    if math.isnan(float(difference)) or math.isnan(float(p)):
        return "untested"
    if p >= levels.alpha or difference == 0:
        return "undecided"
    return "higher" if difference > 0 else "lower"


def signed(value: float, digits: int = 1) -> str:
    """A difference with its sign, minus as a minus sign, and no sign at a zero."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def p_value(p: float) -> str:
    """A p-value with two digits that matter, or the bound it lies under."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def listing(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; `none` of nothing."""
    if len(parts) < 2:
        return parts[0] if parts else "none"
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def count(number: int, total: int, noun: str) -> str:
    """`none of 4 benchmarks`, `1 of 4 benchmarks`, `all 4 benchmarks`; of one: `the one` or `no`."""
    if total == 1:
        return f"the one {noun}" if number else f"no {noun}"
    share = {0: f"none of {total}", total: f"all {total}"}.get(number, f"{number} of {total}")
    return f"{share} {noun}s"


def is_under_study(method: str) -> bool:
    """Whether this is the study's own method or a form of it, by its name."""
    return method.startswith("semalign")


def methods_of(main: pd.DataFrame) -> list[str]:
    """The methods of a table in its order, without the two references."""
    return [name for name in dict.fromkeys(main["method"]) if name not in REFERENCES]


def method_under_study(main: pd.DataFrame) -> str:
    """The first method named `semalign...`, else the first one; empty where there is none."""
    methods = methods_of(main)
    return next((name for name in methods if is_under_study(name)), methods[0] if methods else "")


def wholes(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of whole benchmarks: a mixture's own, without those of its parts."""
    return table[~table["benchmark"].astype(str).str.contains("/", regex=False)]


def place(table: pd.DataFrame, pair: str, benchmark: str) -> str:
    """A benchmark, and its pair where the table has several."""
    return (
        f"{benchmark_title(benchmark)} of {pair}"
        if table["pair"].nunique() > 1
        else benchmark_title(benchmark)
    )


def interval(value: float, low: float, high: float, digits: int = 1) -> str:
    """`+1.2 [−0.3, +2.7]`, or the value alone where it has no interval."""
    if math.isnan(low) or math.isnan(high):
        return signed(value, digits)
    return f"{signed(value, digits)} [{signed(low, digits)}, {signed(high, digits)}]"


def side(low: float, high: float) -> int:
    """Where an interval lies: 1 above zero, -1 below it, 0 where it holds zero or is undefined."""
    return 1 if low > 0 else -1 if high < 0 else 0
