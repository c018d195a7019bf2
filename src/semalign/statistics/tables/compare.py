"""Every comparison of a study: each method with the student and its best baseline, each variant with its default.

The best baseline of a row is the method with the highest mean test score among the default variants of all other
methods, without student, teacher and methods that are only rungs of the ladder (or among `Order.baselines`). If scores
are equal, the order of the config decides. Choosing by test score favours the baseline, so a method's lead over it is
understated rather than overstated; the p-value does not correct for the choice. `comparisons.csv` and the Markdown
table name the baseline.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.gap import gaps_closed
from semalign.statistics.intervals import Interval, mean_intervals
from semalign.statistics.paired import Difference, paired_differences
from semalign.statistics.tables.cells import Group, Key
from semalign.statistics.tables.order import Order

Against = Literal["student", "best_baseline", "default"]
MAIN_AGAINST: tuple[Against, ...] = ("student", "best_baseline")
AGAINST: tuple[Against, ...] = (*MAIN_AGAINST, "default")
logger = logging.getLogger("semalign")


@dataclass(frozen=True)
class Comparison:
    """One method against another."""

    key: Key
    against: Against
    baseline: str
    difference: Difference


@dataclass(frozen=True)
class Results:
    """Scores, gaps and comparisons of all groups of cells, in the order of the rows."""

    groups: dict[Key, Group]
    scores: dict[Key, Interval]
    gaps: dict[Key, Interval | None]
    comparisons: dict[tuple[Key, Against], Comparison]


def compare(groups: dict[Key, Group], order: Order, settings: StatisticsSettings) -> Results:
    """Compute intervals, gaps and comparisons of all groups; comparisons are within a pair and benchmark."""
    results = Results(groups, {}, {}, {})
    blocks: dict[tuple[str, str], list[Group]] = {}
    for key, group in groups.items():
        blocks.setdefault((key.pair, key.benchmark), []).append(group)
    for block in blocks.values():
        _compare_block(block, order, settings, results)
    return results


def best_baseline(group: Group, block: Sequence[Group], order: Order) -> Group | None:
    """The best other method's default variant (see the module's docstring); None if there is none."""
    allowed = order.methods if order.baselines is None else order.baselines
    candidates = [
        other
        for other in block
        if other.key.variant == order.default_variant
        and other.key.method in allowed
        and other.key.method not in (*order.references, *order.rungs, group.key.method)
    ]
    candidates.sort(key=lambda other: (-round(other.scores.mean, 9), order.methods.index(other.key.method)))
    return candidates[0] if candidates else None


def _compare_block(block: list[Group], order: Order, settings: StatisticsSettings, results: Results) -> None:
    intervals = mean_intervals([group.scores for group in block], settings)
    results.scores.update(zip((group.key for group in block), intervals, strict=True))
    student, teacher = (_reference(block, name, order) for name in order.references)
    trained = [group for group in block if group.key.method not in order.references]
    if student and teacher:
        gaps = gaps_closed([group.scores for group in trained], student.scores, teacher.scores, settings)
        results.gaps.update(zip((group.key for group in trained), gaps, strict=True))
        _warn(student, teacher)
    results.comparisons.update(_comparisons(block, student, order, settings))


def _comparisons(
    block: list[Group], student: Group | None, order: Order, settings: StatisticsSettings
) -> dict[tuple[Key, Against], Comparison]:
    wanted: list[tuple[Group, Against, Group]] = []
    for group in block:
        if student and group.key.method != order.student:
            wanted.append((group, "student", student))
        alone = group.key.method in (*order.references, *order.rungs)
        if not alone and (best := best_baseline(group, block, order)):
            wanted.append((group, "best_baseline", best))
        default = _reference(block, group.key.method, order)
        if default and group.key.variant != order.default_variant:
            wanted.append((group, "default", default))
    differences = paired_differences([(left.scores, right.scores) for left, _, right in wanted], settings)
    return {
        (left.key, against): Comparison(left.key, against, right.key.method, difference)
        for (left, against, right), difference in zip(wanted, differences, strict=True)
    }


def _reference(block: list[Group], method: str, order: Order) -> Group | None:
    named = [
        group for group in block if group.key.method == method and group.key.variant == order.default_variant
    ]
    return named[0] if named else None


def _warn(student: Group, teacher: Group) -> None:
    if teacher.scores.mean <= student.scores.mean:
        logger.warning(
            "%s/%s: the teacher (%.2f) is not better than the student (%.2f); there is no knowledge to transfer",
            *student.key[:2],
            teacher.scores.mean,
            student.scores.mean,
        )
