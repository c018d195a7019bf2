"""A logarithmic axis for values that differ widely, with ticks that are plain numbers."""

from collections.abc import Iterable
from typing import Any, Literal

from matplotlib.ticker import FuncFormatter

WIDE = 6  # ratio of the largest to the smallest value from which an axis is logarithmic


def differ_widely(values: Iterable[float]) -> bool:
    """Whether values need a logarithmic axis, and can have one: all are above 0."""
    known = [float(value) for value in values if value == value]
    return bool(known) and min(known) > 0 and max(known) >= WIDE * min(known)


def spread_out(axes: Any, which: Literal["x", "y"]) -> None:
    """Make one axis logarithmic, with ticks at 1, 2 and 5 times a power of ten."""
    axes.set(**{f"{which}scale": "log"})
    axes.tick_params(axis=which, which="both", length=3, pad=3)
    axis = axes.xaxis if which == "x" else axes.yaxis
    for formatter in (axis.set_major_formatter, axis.set_minor_formatter):
        formatter(FuncFormatter(_plain))


def _plain(value: float, position: Any = None) -> str:
    return f"{value:g}" if f"{value:.0e}"[0] in "125" else ""
