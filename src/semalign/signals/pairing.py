"""Layer pairing: which student layer answers to a critical teacher layer (paper section on layer pairing).

The paper's rule goes by depth. The others are this study's: the student layer most alike (see `likeness`), the
last layers, and layers drawn at random as a control.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from semalign.config.signals import Pairing
from semalign.runtime.errors import UserError


@dataclass(frozen=True)
class LayerPair:
    """A student layer and where its target comes from, all numbered from 1.

    The target is `(1 - weight) * h[below] + weight * h[above]`. `critical` is the teacher layer that
    attribution named, `teacher` the counterpart that the rule gives the student layer (on the depth map, by
    depth). Where the rule asks for no critical layer, `critical` is `teacher`.
    """

    student: int
    teacher: int
    critical: int
    below: int
    above: int
    weight: float


def depth_map(student_layer: int, teacher_depth: int, student_depth: int) -> int:
    """t(k) = max(1, floor(L_T / L_S * k)), in whole numbers so that no ratio is rounded."""
    return max(1, teacher_depth * student_layer // student_depth)


def student_for(critical: int, teacher_depth: int, student_depth: int) -> int:
    """The nearest deeper-or-equal student layer: min{k : t(k) >= t*}, or L_S if there is none."""
    for layer in range(1, student_depth + 1):
        if depth_map(layer, teacher_depth, student_depth) >= critical:
            return layer
    return student_depth


def interpolation(student_layer: int, teacher_depth: int, student_depth: int) -> tuple[int, int, float]:
    """(a, b, lambda): u = L_T k / L_S, a = max(1, min(floor(u), L_T - 1)), b = a + 1, lambda = clip(u - a, 0, 1)."""
    exact = teacher_depth * student_layer / student_depth
    below = max(1, min(math.floor(exact), teacher_depth - 1))
    return below, below + 1, min(1.0, max(0.0, exact - below))


def choose_pairs(
    ranking: Sequence[int],
    teacher_depth: int,
    student_depth: int,
    settings: Pairing,
    likeness: Sequence[Sequence[float]] = (),
) -> list[LayerPair]:
    """Pair layers by the rule of the settings; the shallowest student layer first.

    `ranking` lists teacher layers, most critical first; `depth` and `cka` pair the `settings.pairs` first of them.
    Two that lead to one student layer give one pair, that of the more critical. `likeness` is for `cka`: a row for
    each of these teacher layers, with a number for each student layer. `all` pairs every student layer with its
    counterpart on the depth map. `last` pairs the last layers, so many from the end of both; `random` as many of
    either, none twice. There are never more pairs than layers.
    """
    depths = teacher_depth, student_depth
    if settings.pairs == "all":
        return [_by_depth(layer, None, depths, settings.interpolate) for layer in range(1, student_depth + 1)]
    critical = critical_layers(ranking, settings)
    if settings.rule == "depth":
        pairs = [_by_depth(student_for(t, *depths), t, depths, settings.interpolate) for t in critical]
    elif settings.rule == "cka":
        pairs = [_as_it_is(_most_alike(t, row), t) for t, row in zip(critical, likeness, strict=True)]
    else:
        orders = _from_last(depths) if settings.rule == "last" else _drawn(depths, settings.seed)
        ends = zip(*orders, strict=False)  # the deeper model has layers left over
        pairs = [_as_it_is(student, teacher) for teacher, student in ends][: settings.pairs]
    first = {pair.student: pair for pair in reversed(pairs)}
    return [first[layer] for layer in sorted(first)]


def critical_layers(ranking: Sequence[int], settings: Pairing) -> Sequence[int]:
    """The most critical teacher layers, so many as pairs are asked for."""
    return ranking if settings.pairs == "all" else ranking[: settings.pairs]


def _by_depth(layer: int, critical: int | None, depths: tuple[int, int], interpolate: bool) -> LayerPair:
    """A student layer and its target on the depth map.

    Interpolation takes place where L_T / L_S is not a whole number; a teacher of a single layer has nothing to
    interpolate.
    """
    teacher = depth_map(layer, *depths)
    below, above, weight = teacher, teacher, 0.0
    if interpolate and depths[0] % depths[1] and depths[0] > 1:
        below, above, weight = interpolation(layer, *depths)
    return LayerPair(layer, teacher, critical or teacher, below, above, weight)


def _as_it_is(student: int, teacher: int) -> LayerPair:
    """A student layer whose target is one teacher layer, not interpolated."""
    return LayerPair(student, teacher, teacher, teacher, teacher, 0.0)


def _most_alike(critical: int, row: Sequence[float]) -> int:
    """The student layer with the largest finite number; of equal ones the shallower."""
    finite = [layer for layer, value in enumerate(row, start=1) if math.isfinite(value)]
    if not finite:
        raise UserError(
            f"pairing: teacher layer {critical}: no student layer has a finite CKA with it; expected states that "
            "are not all the same over the extract split, or another pairing.rule"
        )
    return max(finite, key=lambda layer: row[layer - 1])


def _drawn(depths: tuple[int, int], seed: int) -> list[list[int]]:
    """The layers of both models, each in an order drawn at random: fewer pairs are the first of more."""
    source = random.Random(seed)
    return [source.sample(range(1, depth + 1), depth) for depth in depths]


def _from_last(depths: tuple[int, int]) -> list[list[int]]:
    return [list(range(depth, 0, -1)) for depth in depths]


def to_rows(pairs: Sequence[LayerPair]) -> list[dict[str, Any]]:
    """Pairs as JSON rows."""
    return [asdict(pair) for pair in pairs]


def from_rows(rows: Sequence[dict[str, Any]]) -> list[LayerPair]:
    """Pairs from JSON rows."""
    return [LayerPair(**row) for row in rows]
