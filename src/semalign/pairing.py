"""Layer pairing: which student layer answers to a critical teacher layer (paper section on layer pairing)."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from semalign.config.signals import Pairing


@dataclass(frozen=True)
class LayerPair:
    """A student layer and where its target comes from, all numbered from 1.

    The target is `(1 - weight) * h[below] + weight * h[above]`. `critical` is the teacher layer that
    attribution named, `teacher` its counterpart on the depth map.
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


def pair_layers(
    ranking: Sequence[int], teacher_depth: int, student_depth: int, settings: Pairing
) -> list[LayerPair]:
    """Pair the `settings.layers` most critical teacher layers, by depth.

    `ranking` lists teacher layers, most critical first. Two of them that lead to one student layer give one
    pair, that of the more critical. Interpolation takes place where L_T / L_S is not a whole number; a teacher
    of a single layer has nothing to interpolate.
    """
    pairs: dict[int, LayerPair] = {}
    for critical in ranking[: settings.layers]:
        layer = student_for(critical, teacher_depth, student_depth)
        teacher = depth_map(layer, teacher_depth, student_depth)
        below, above, weight = teacher, teacher, 0.0
        if settings.interpolate and teacher_depth % student_depth and teacher_depth > 1:
            below, above, weight = interpolation(layer, teacher_depth, student_depth)
        pairs.setdefault(layer, LayerPair(layer, teacher, critical, below, above, weight))
    return sorted(pairs.values(), key=lambda pair: pair.student)


def to_rows(pairs: Sequence[LayerPair]) -> list[dict[str, Any]]:
    """Pairs as JSON rows."""
    return [asdict(pair) for pair in pairs]


def from_rows(rows: Sequence[dict[str, Any]]) -> list[LayerPair]:
    """Pairs from JSON rows."""
    return [LayerPair(**row) for row in rows]
