"""Timing two sides in turn, A B A B, so that what else the machine does falls on both alike."""

import math
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from bench.subject import Case, Check, Sides

Pair = tuple[float, float | None]
LONG_ENOUGH = 0.05  # seconds that a timed stretch takes at least: shorter work is done several times in it
SHORTEST = 1e-6  # seconds, so that a clock that stood still asks for no endless stretch


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
        mine = stretch(sides.ours, finish)
        pairs.append((mine, stretch(sides.theirs, finish) if sides.theirs else None))
    return check, pairs


def stretch(work: Callable[[], Any], finish: Callable[[], None]) -> float:
    """Wall seconds of `work`, which has run before: of one run, or the mean of as many as are long enough together."""
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
    """Theirs over ours, repeat by repeat: median and quartiles."""
    return spread([theirs / ours for ours, theirs in pairs if theirs is not None])


def significant(value: float, digits: int = 5) -> float:
    """Rounded to so many digits that count."""
    return float(f"{value:.{digits}g}")
