"""Timing two sides in turn, A B A B, so that what else the machine does falls on both alike."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from semalign.bench.subject import Case, Check, Sides

Pair = tuple[float, float | None]
LONG_ENOUGH = 0.05  # seconds that a timed stretch takes at least: shorter work is done several times in it


def measure(case: Case, sides: Sides, finish: Callable[[], None]) -> tuple[Check, list[Pair]]:
    """The check and, where it passed, seconds of (ours, theirs) by repeat; `finish` waits for the device.

    Nothing is timed any further once the check has failed.
    """
    first, ours = timed(sides.ours, finish)
    second, theirs = timed(sides.theirs, finish) if sides.theirs else (None, None)
    check = sides.check(ours, theirs)
    del ours, theirs
    if not check.passed:
        return check, []
    pairs: list[Pair] = [] if case.warm else [(first, second)]
    while len(pairs) < case.repeats:
        mine = _stretch(sides.ours, first, finish)
        pairs.append((mine, _stretch(sides.theirs, second, finish) if sides.theirs else None))
    return check, pairs


def _stretch(work: Callable[[], Any], seconds: float | None, finish: Callable[[], None]) -> float:
    """Wall seconds of `work`, the mean of as many runs as `seconds` each make a stretch that is long enough."""
    runs = max(1, math.ceil(LONG_ENOUGH / seconds)) if seconds else 1

    def several() -> None:
        for _ in range(runs):
            work()

    return timed(several, finish)[0] / runs


def timed(work: Callable[[], Any], finish: Callable[[], None]) -> tuple[float, Any]:
    """Wall seconds of `work` and its outcome."""
    finish()
    start = time.perf_counter()
    outcome = work()
    finish()
    return time.perf_counter() - start, outcome


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and quartiles."""
    low, median, high = np.percentile(values, [25, 50, 75])
    return {name: significant(value) for name, value in (("median", median), ("low", low), ("high", high))}


def ratio(pairs: Sequence[Pair]) -> dict[str, float]:
    """Theirs over ours, repeat by repeat: median and quartiles."""
    return spread([theirs / ours for ours, theirs in pairs if theirs is not None])


def significant(value: float, digits: int = 5) -> float:
    """Rounded to so many digits that count."""
    return float(f"{value:.{digits}g}")
