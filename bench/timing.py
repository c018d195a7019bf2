"""Timing two sides in turn, A B A B, so that other load on the machine affects both equally."""

import math
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from bench.subject import Case, Check, Sides

Pair = tuple[float, float | None]
LONG_ENOUGH = 0.05  # minimal seconds of a timed stretch; shorter work is repeated within it
SHORTEST = 1e-6  # seconds; bounds the number of repetitions if the clock did not advance


def measure(case: Case, sides: Sides, finish: Callable[[], None]) -> tuple[Check, list[Pair]]:
    """Return the check and, if it passed, the seconds of (ours, theirs) per repeat; `finish` waits for the device.

    If the check fails, nothing more is timed.
    """
    first, ours = timed(sides.ours, finish)
    second, theirs = timed(sides.theirs, finish) if sides.theirs else (None, None)
    check = sides.check(ours, theirs)
    del ours, theirs
    if not check.passed:
        return check, []
    pairs: list[Pair] = [] if case.warm else [(first, second)]
    while len(pairs) < case.repeats:
        mine = stretch(sides.ours, finish)
        pairs.append((mine, stretch(sides.theirs, finish) if sides.theirs else None))
    return check, pairs


def stretch(work: Callable[[], Any], finish: Callable[[], None]) -> float:
    """Wall seconds of `work`, which has run before: of one run, or the mean of several if one run is too short."""
    seconds, _ = timed(work, finish)
    if seconds >= LONG_ENOUGH:
        return seconds
    runs = math.ceil(LONG_ENOUGH / max(seconds, SHORTEST))

    def several() -> None:
        for _ in range(runs):
            work()

    return timed(several, finish)[0] / runs


def timed(work: Callable[[], Any], finish: Callable[[], None]) -> tuple[float, Any]:
    """Wall seconds of `work` and its outcome."""
    finish()
    start = perf_counter()
    outcome = work()
    finish()
    return perf_counter() - start, outcome


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and quartiles."""
    low, median, high = np.percentile(values, [25, 50, 75])
    return {name: significant(value) for name, value in (("median", median), ("low", low), ("high", high))}


def ratio(pairs: Sequence[Pair]) -> dict[str, float]:
    """Theirs divided by ours, per repeat: median and quartiles."""
    return spread([theirs / ours for ours, theirs in pairs if theirs is not None])


def significant(value: float, digits: int = 5) -> float:
    """Round to this number of significant digits."""
    return float(f"{value:.{digits}g}")
