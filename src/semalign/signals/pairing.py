"""Layer pairing: which student layer learns from a critical teacher layer.

SemAlign (arXiv 2510.24208, section "layer pairing") pairs by depth (`depth`) and announces an ablation over the pairing
strategy without defining it. The abstract of version 2 says that attribution selects exactly one source layer for each
target layer, and not how; `segment` is a reading of it. The other rules are this study's: the most similar student
layer (`cka`, see `likeness`), the last layers (`last`), and randomly drawn layers as a control (`random`).
"""

import math
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from semalign.config.signals import Pairing
from semalign.runtime.errors import UserError


@dataclass(frozen=True)
class LayerPair:
    """A student layer and the teacher layers that its target comes from, numbered from 1.

    The target is made from `(1 - weight) * h[below] + weight * h[above]`. `critical` is the teacher layer that
    attribution selected. `teacher` is the counterpart of the student layer under the pairing rule (for the depth map,
    t(k)). If the rule uses no critical layer, `critical` equals `teacher`.
    """

    student: int
    teacher: int
    critical: int
    below: int
    above: int
    weight: float


def depth_map(student_layer: int, teacher_depth: int, student_depth: int) -> int:
    """t(k) = max(1, floor(L_T / L_S * k)), the teacher layer of student layer k (arXiv 2510.24208, "layer pairing").

    Computed in integers, so that no ratio is rounded.
    """
    return max(1, teacher_depth * student_layer // student_depth)


def student_for(critical: int, teacher_depth: int, student_depth: int) -> int:
    """Student layer of the critical teacher layer t*: min{k : t(k) >= t*}, or L_S if there is no such k.

    This is the nearest layer of equal or greater depth (SemAlign, arXiv 2510.24208, "layer pairing").
    """
    for layer in range(1, student_depth + 1):
        if depth_map(layer, teacher_depth, student_depth) >= critical:
            return layer
    return student_depth


def interpolation(student_layer: int, teacher_depth: int, student_depth: int) -> tuple[int, int, float]:
    """(a, b, lambda): u = L_T k / L_S, a = max(1, min(floor(u), L_T - 1)), b = a + 1, lambda = clip(u - a, 0, 1).

    The target of student layer k comes from (1 - lambda) h_a + lambda h_b (arXiv 2510.24208, "layer pairing").
    """
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
    """Pair layers by the rule in the settings, shallowest student layer first.

    `ranking` lists teacher layers, most critical first; n is `settings.pairs`.

    - `depth` and `cka` pair the first n teacher layers of the ranking. If two of them lead to the same student layer,
      only the more critical one is paired. `cka` needs `likeness`, one row per critical teacher layer with one number
      per student layer.
    - `segment` gives each student layer the most critical of the teacher layers for which it is `student_for`, and
      keeps the n pairs with the most critical teacher layers. No teacher layer is used twice and none is interpolated,
      unless the teacher is shallower: a student layer without such teacher layers has its counterpart on the depth map.
    - `last` pairs the last n layers of both models.
    - `random` pairs n layers drawn from each model without replacement.

    If `settings.pairs` is `all`, every student layer is paired: by `depth` with its counterpart on the depth map, by
    `segment` as above. There are never more pairs than layers.
    """
    depths = teacher_depth, student_depth
    if settings.rule == "segment":
        return _by_segment(ranking, depths, settings.pairs)
    if settings.pairs == "all":
        return [_by_depth(layer, None, depths, settings.interpolate) for layer in range(1, student_depth + 1)]
    critical = critical_layers(ranking, settings)
    if settings.rule == "depth":
        pairs = [_by_depth(student_for(t, *depths), t, depths, settings.interpolate) for t in critical]
    elif settings.rule == "cka":
        pairs = [_as_it_is(_most_alike(t, row), t) for t, row in zip(critical, likeness, strict=True)]
    else:
        orders = _from_last(depths) if settings.rule == "last" else _drawn(depths, settings.seed)
        ends = zip(*orders, strict=False)  # not strict: the deeper model has more layers
        pairs = [_as_it_is(student, teacher) for teacher, student in ends][: settings.pairs]
    first = {pair.student: pair for pair in reversed(pairs)}
    return [first[layer] for layer in sorted(first)]


def critical_layers(ranking: Sequence[int], settings: Pairing) -> Sequence[int]:
    """The first `settings.pairs` teacher layers of the ranking, or all of it."""
    return ranking if settings.pairs == "all" else ranking[: settings.pairs]


def _by_depth(layer: int, critical: int | None, depths: tuple[int, int], interpolate: bool) -> LayerPair:
    """Pair a student layer with its target on the depth map.

    The target is interpolated if L_T / L_S is not a whole number, unless the teacher has a single layer.
    """
    teacher = depth_map(layer, *depths)
    below, above, weight = teacher, teacher, 0.0
    if interpolate and depths[0] % depths[1] and depths[0] > 1:
        below, above, weight = interpolation(layer, *depths)
    return LayerPair(layer, teacher, critical or teacher, below, above, weight)


def _by_segment(
    ranking: Sequence[int], depths: tuple[int, int], count: int | Literal["all"]
) -> list[LayerPair]:
    """Each student layer with the first teacher layer of the ranking that leads to it (rule `segment`)."""
    chosen: dict[int, int] = {}
    for teacher in ranking:
        chosen.setdefault(student_for(teacher, *depths), teacher)
    if count == "all":
        counterparts = ((layer, depth_map(layer, *depths)) for layer in range(1, depths[1] + 1))
        return [_as_it_is(layer, chosen.get(layer, own)) for layer, own in counterparts]
    return [_as_it_is(layer, chosen[layer]) for layer in sorted(list(chosen)[:count])]


def _as_it_is(student: int, teacher: int) -> LayerPair:
    """Pair a student layer with one teacher layer, without interpolation."""
    return LayerPair(student, teacher, teacher, teacher, teacher, 0.0)


def _most_alike(critical: int, row: Sequence[float]) -> int:
    """The student layer with the largest finite CKA; ties go to the shallower layer."""
    finite = [layer for layer, value in enumerate(row, start=1) if math.isfinite(value)]
    if not finite:
        raise UserError(
            f"pairing: teacher layer {critical}: found no student layer with a finite CKA, expected states that "
            "differ between positions of the extract split, or another pairing.rule"
        )
    return max(finite, key=lambda layer: row[layer - 1])


def _drawn(depths: tuple[int, int], seed: int) -> list[list[int]]:
    """The layers of both models in random order; n pairs are the first n of any larger number of pairs."""
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
