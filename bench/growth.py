"""How cost grows with model, examples and vocabulary, and how far each stage is from its floor."""

import functools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench import machine
from bench.scale import Scale, Stage
from bench.stages import STAGES
from bench.timing import significant, spread, stretch

logger = logging.getLogger("semalign")

FULL, PICO = Scale(width=256, examples=16, vocabulary=2048), Scale(width=32, examples=2, vocabulary=64)
FACTORS = (1, 2, 4)  # of examples and vocabulary; the model goes from half of its width to twice
REPEATS = 3
OVER = 3.0  # from here on a stage says why
NOTHING = "(no line yet: above three times its floor)"


@dataclass(frozen=True)
class Point:
    """One stage at one size."""

    scale: Scale
    seconds: dict[str, float]
    floor: float

    def size(self, axis: str) -> int:
        """What grows along an axis: the model's parameters, or a count."""
        return self.scale.shape.parameters if axis == "model" else int(getattr(self.scale, axis))


def measure_growth(device: str, quick: bool) -> dict[str, Any]:
    """A row a stage and axis: sizes, seconds, the fitted exponent, and the largest size over its floor.

    Stages that run on the processor whatever the device have no row on a GPU.
    """
    base, factors = (PICO, (1, 2)) if quick else (FULL, FACTORS)
    if device == "cuda" and not quick:
        base = Scale(width=512, examples=32, vocabulary=8192)
    rates = machine.rates(device)
    rows = []
    for name, stage in STAGES.items():
        if device == "cuda" and stage.processor_only:
            continue
        measure = functools.cache(functools.partial(_measure, stage, device))  # axes share the base's size
        for axis in stage.axes:
            points = [Point(scale, *measure(scale)) for scale in (_scaled(base, axis, f) for f in factors)]
            rows.append(_row(name, stage, axis, points))
            logger.info("growth: %s over %s: exponent %.2f", name, axis, rows[-1]["exponent"])
    return {
        "name": "growth",
        "what": "How cost grows, and measured over the floor at the largest size",
        "suite": "quick" if quick else device,
        "rates": vars(rates),
        "rows": rows,
    }


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """The slope of log seconds over log size, by least squares."""
    slope, _ = np.polyfit(np.log(sizes), np.log(seconds), 1)
    return float(slope)


def _scaled(base: Scale, axis: str, factor: int) -> Scale:
    """`model` grows by its width, from half of the base's on, the others by their count."""
    if axis == "model":
        return replace(base, width=factor * base.width // 2)
    return replace(base, **{axis: factor * getattr(base, axis)})


def _measure(stage: Stage, device: str, scale: Scale) -> tuple[dict[str, float], float]:
    """Median of a few stretches after a first run that does not count, and the floor's seconds."""
    work, floor = stage.build(scale, device)
    work()
    seconds = [stretch(work, lambda: machine.finish(device)) for _ in range(REPEATS)]
    return spread(seconds), floor.seconds(machine.rates(device))


def _row(name: str, stage: Stage, axis: str, points: Sequence[Point]) -> dict[str, Any]:
    sizes, medians = [point.size(axis) for point in points], [point.seconds["median"] for point in points]
    over = points[-1].seconds["median"] / points[-1].floor
    return {
        "stage": name,
        "axis": axis,
        "sizes": sizes,
        "seconds": medians,
        "spread": [point.seconds for point in points],
        "exponent": significant(exponent(sizes, medians), 3),
        "floor_seconds": significant(points[-1].floor, 3),
        "over_floor": significant(over, 3),
        "explanation": (stage.explanation or NOTHING) if over > OVER else "",
    }
