"""The ranking of a study's students on the validation split, and the one to ship.

The best method is the one with the highest mean validation score over its seeds; of its seeds, the one to ship is that
with the highest score of its own. Among equal scores the cheaper training wins, then the order of the config. The
untouched student is ranked too: if no method is above it, it is the one to ship. Test scores are shown and never used.

The score of the best of several is too high, since it is chosen by that score; its test score is not.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.intervals import Interval, mean_intervals
from semalign.statistics.paired import Difference, paired_differences
from semalign.statistics.scores import Scores
from semalign.statistics.tables.cells import Group, Key
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.rows import Row, average, integral

Groups = dict[Key, Group]


def ranking_rows(validated: Groups, tested: Groups, order: Order, settings: StatisticsSettings) -> list[Row]:
    """Rows of each pair and benchmark, the best method first, each followed by its seeds, the best first.

    A method's row has no `seed`; its scores are means over the seeds. `rank` counts methods, and the seeds of a method.
    `ship` marks one seed of each pair and benchmark. `vs_student` is the paired difference on the validation items.
    """
    blocks: dict[tuple[str, str], list[Key]] = {}
    for key in validated:
        if not order.is_part(key.benchmark):
            blocks.setdefault((key.pair, key.benchmark), []).append(key)
    return [
        row
        for keys in blocks.values()
        for row in _block([(validated[key], tested[key]) for key in keys], order, settings)
    ]


def _block(pairs: Sequence[tuple[Group, Group]], order: Order, settings: StatisticsSettings) -> Iterator[Row]:
    """The rows of one pair and benchmark, from (validation, test) of each method."""
    student = next((group.scores for group, _ in pairs if group.key.method == order.student), None)
    entries = [_entry(*pair) for pair in pairs]
    ordered = sorted(entries, key=_place)
    for rank, entry in enumerate(ordered, start=1):
        seeds = sorted(_seeds(entry), key=_place)
        listed = [entry, *seeds]
        facts = _facts(listed, student if entry["method"] != order.student else None, settings)
        for index, (own, measured) in enumerate(zip(listed, facts, strict=True)):
            yield {
                **{name: own[name] for name in ("pair", "benchmark", "method", "seed")},
                "rank": index or rank,
                "ship": int(rank == 1 and index == 1),
                **measured,
                **{name: own[name] for name in ("train_seconds", "train_flops")},
            }


def _entry(validated: Group, tested: Group) -> dict[str, Any]:
    """A method with its scores on both splits and its mean costs."""
    return {
        **validated.key._asdict(),
        "seed": None,
        "groups": (validated, tested),
        "scores": (validated.scores, tested.scores),
        **{name: _cost(validated, name) for name in ("train_seconds", "train_flops")},
    }


def _seeds(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The seeds of a method, in the form of `_entry`."""
    validated, tested = entry["groups"]
    for number, cell in enumerate(validated.cells):
        yield {
            **entry,
            "seed": cell.seed,
            "scores": tuple(_one(group.scores, number) for group in (validated, tested)),
            **{name: integral(name, cell.metrics[name]) for name in ("train_seconds", "train_flops")},
        }


def _one(scores: Scores, number: int) -> Scores:
    seed = scores.seeds[number]
    return Scores(scores.values[number : number + 1], (seed,), scores.trained, scores.strata)


def _cost(group: Group, name: str) -> float | int | None:
    """The mean over seeds; operations are whole numbers."""
    values = group.costs(name)
    return integral(name, average(values)) if values else None


def _place(entry: dict[str, Any]) -> tuple[float, float]:
    """The highest score first, then the cheapest; sorting keeps the order of the config among equals.

    Scores that differ only in their last bits count as equal. Operations are the same in every run, seconds are not.
    """
    cost = entry["train_flops"]
    return -round(entry["scores"][0].mean, 9), float("inf") if cost is None else float(cost)


def _facts(
    entries: Sequence[dict[str, Any]], student: Scores | None, settings: StatisticsSettings
) -> Iterator[Row]:
    """Scores of both splits with intervals, and the difference from the student."""
    validation, test = (mean_intervals([own["scores"][side] for own in entries], settings) for side in (0, 1))
    against: Sequence[Difference | None] = [None] * len(entries)
    if student is not None:
        against = paired_differences([(own["scores"][0], student) for own in entries], settings)
    for own, scored, tested, difference in zip(entries, validation, test, against, strict=True):
        yield {
            "items": own["scores"][0].items,
            **_bounds("validation", scored),
            **_bounds("vs_student", difference),
            **_bounds("test_score", tested),
        }


def _bounds(name: str, found: Interval | Difference | None) -> Row:
    values = (found.estimate, found.low, found.high) if found else (None, None, None)
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
