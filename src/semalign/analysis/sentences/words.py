"""Words and numbers that sentences are built of."""

import math
from collections.abc import Sequence

import pandas as pd

ALPHA = 0.05
STUDENT, TEACHER = "student", "teacher"
REFERENCES = (STUDENT, TEACHER)


def verdict(difference: float, p: float, alpha: float = ALPHA) -> str:
    """What a paired test says: `higher`, `lower`, `no detectable difference`, or `not tested` without a p-value."""
    if math.isnan(float(difference)) or math.isnan(float(p)):
        return "not tested"
    if p >= alpha or difference == 0:
        return "no detectable difference"
    return "higher" if difference > 0 else "lower"


def signed(value: float, digits: int = 1) -> str:
    """A difference with its sign, minus as a minus sign."""
    return f"{value:+.{digits}f}".replace("-", "−")


def p_value(p: float) -> str:
    """A p-value with two digits that matter, or the bound it lies under."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def listing(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else "none"


def count(number: int, total: int, noun: str) -> str:
    """`none of 4 benchmarks`, `1 of 4 benchmarks`, `all 4 benchmarks`, `the one benchmark`."""
    if total == 1:
        return f"the one {noun}" if number else f"no {noun}"
    share = {0: f"none of {total}", total: f"all {total}"}.get(number, f"{number} of {total}")
    return f"{share} {noun}s"


def methods_of(main: pd.DataFrame) -> list[str]:
    """The methods of a table in its order, without the two references."""
    return [name for name in dict.fromkeys(main["method"]) if name not in REFERENCES]


def method_under_study(main: pd.DataFrame) -> str | None:
    """The first method named `semalign...`, else the first one, else nothing."""
    methods = methods_of(main)
    return next((name for name in methods if name.startswith("semalign")), methods[0] if methods else None)
