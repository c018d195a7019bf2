"""Words and numbers for building sentences."""

import math
from collections.abc import Iterable, Sequence

import pandas as pd

from semalign.report.levels import Levels

STUDENT, TEACHER = "student", "teacher"
REFERENCES = (STUDENT, TEACHER)
NOT_SIGNIFICANT, NO_DIFFERENCE = "not significant after correction", "no detectable difference"
SAME = "the same score on every item"
OUTCOMES = ("higher", "lower", NOT_SIGNIFICANT, NO_DIFFERENCE, SAME, "untested")


def verdict(difference: float, p: float, levels: Levels) -> str:
    """Outcome of a paired test: `higher`, `lower` or `undecided`; `untested` without a p-value."""
    if math.isnan(float(difference)) or math.isnan(float(p)):
        return "untested"
    if p >= levels.alpha or difference == 0:
        return "undecided"
    return "higher" if difference > 0 else "lower"


def outcome(judged: str, low: float, high: float) -> str:
    """The verdict as sentences give it; undecided ones are split by whether the uncorrected interval contains zero."""
    if judged != "undecided":
        return judged
    if low == high == 0:
        return SAME
    return NO_DIFFERENCE if low <= 0 <= high else NOT_SIGNIFICANT


def signed(value: float, digits: int = 1) -> str:
    """A difference with its sign, minus as a minus sign, and no sign at a zero."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def p_value(p: float) -> str:
    """`p = 0.03`, with a third digit next to the usual level of 0.05; `p < 0.01` or `p < 0.001` for a small one."""
    if p < 0.01:
        return "p < 0.001" if p < 0.001 else "p < 0.01"
    return f"p = {p:.3f}" if round(p, 2) == 0.05 else f"p = {p:.2f}"


def spread(values: Iterable[float], digits: int = 1, *, signs: bool = False) -> str:
    """`1.2 to 3.4`, or the one value if all are printed alike."""
    known = list(values)
    low, high = (signed(end, digits) if signs else f"{end:.{digits}f}" for end in (min(known), max(known)))
    return low if low == high else f"{low} to {high}"


def listing(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; `none` of nothing."""
    if len(parts) < 2:
        return parts[0] if parts else "none"
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def is_under_study(method: str) -> bool:
    """Whether this is the method under study or a form of it, by its name."""
    return method.startswith("semalign")


def methods_of(main: pd.DataFrame) -> list[str]:
    """The methods of a table in its order, without the two references."""
    return [name for name in dict.fromkeys(main["method"]) if name not in REFERENCES]


def method_under_study(main: pd.DataFrame) -> str:
    """The first method named `semalign...`, else the first one; empty if there is none."""
    methods = methods_of(main)
    return next((name for name in methods if is_under_study(name)), methods[0] if methods else "")


def wholes(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of whole benchmarks: those of a mixture, but not those of its parts."""
    return table[~table["benchmark"].astype(str).str.contains("/", regex=False)]


def interval(value: float, low: float, high: float, digits: int = 1) -> str:
    """`+1.2 [−0.3, +2.7]`, or the value alone if it has no interval."""
    if math.isnan(low) or math.isnan(high):
        return signed(value, digits)
    return f"{signed(value, digits)} [{signed(low, digits)}, {signed(high, digits)}]"


def side(low: float, high: float) -> int:
    """Position of an interval: 1 above zero, -1 below it, 0 if it contains zero or is undefined."""
    return 1 if low > 0 else -1 if high < 0 else 0
