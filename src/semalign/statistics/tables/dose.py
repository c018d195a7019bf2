"""Dose and effect: how far training pulled the student towards its targets, and what that did to its answers.

The dose of a training is the relative drop of its layer loss. It varies within a method by learning rate, epochs and
steps only (`Order.doses`); a variant with another target would not be another dose of the same one.

The loss of the untouched student depends on the target and not on the dose, so that all doses of a method share it. It
is estimated from all of them (see `tables.losses`).
"""

import math
from collections.abc import Iterable, Sequence

from semalign.statistics.corrections import holm
from semalign.statistics.intervals import Interval
from semalign.statistics.tables.agreement import interval_columns
from semalign.statistics.tables.cells import Group, Key
from semalign.statistics.tables.compare import Results
from semalign.statistics.tables.losses import LayerLoss
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.rows import Row, average
from semalign.statistics.tables.text import rate_text

NONE = 1e-6  # a layer loss below it is 0 but for rounding, and has no relative drop
FROM_AGREEMENT = tuple(
    f"{name}{end}"
    for name in ("teacher_kl", "kl_vs_student", "teacher_agreement")
    for end in ("", "_low", "_high")
)


def dose_rows(results: Results, agreement: Iterable[Row], order: Order) -> list[Row]:
    """One row per method with a layer loss and dose of it, and one for the untouched student (drop 0), in table order.

    `loss_start` and `loss_end` are the layer losses of the untouched student and at the end of the training. `drop` is
    1 - end / start, bounded by the smallest and the largest over the seeds. Score, KL and agreement are those of the
    other tables (`agreement` are the rows of that one); the p-values against the student are one Holm family. The parts
    of a mixture have the losses of the whole training. Empty if no method has a layer loss.
    """
    doses = {key: group for key, group in results.groups.items() if _is_dose(group, order)}
    starts = _starts(doses.values())
    shared = {tuple(row[name] for name in Key._fields): row for row in agreement}
    tested = {key: results.comparisons[key, "student"].difference for key in doses if _has_test(results, key)}
    corrected = holm({key: difference.p for key, difference in tested.items()})
    rows = []
    for key, group in results.groups.items():
        if key not in doses and not _is_untouched(key, doses, order):
            continue
        row = {**key._asdict(), "seeds": len(group.cells), "items": group.scores.items}
        row |= _dose(group, starts[_target(key)]) if key in doses else _no_dose()
        row |= interval_columns("score", results.scores[key])
        step = tested.get(key)
        row |= interval_columns("vs_student", Interval(step.estimate, step.low, step.high) if step else None)
        row["vs_student_p"] = corrected.get(key)
        rows.append(row | {name: shared.get(tuple(key), {}).get(name) for name in FROM_AGREEMENT})
    return rows


def _is_dose(group: Group, order: Order) -> bool:
    """Whether all cells have a layer loss, and the variant changes at most how much the method is trained."""
    variants = (order.default_variant, *order.doses.get(group.key.method, []))
    return group.key.variant in variants and all(cell.layer_loss for cell in group.cells)


def _is_untouched(key: Key, doses: Iterable[Key], order: Order) -> bool:
    """Whether this is the student of a pair and benchmark with doses."""
    return key.method == order.student and any(key[:2] == dose[:2] for dose in doses)


def _has_test(results: Results, key: Key) -> bool:
    return (key, "student") in results.comparisons


def _target(key: Key) -> tuple[str, str, str]:
    return key.pair, key.benchmark, key.method


def _losses(group: Group) -> list[LayerLoss]:
    return [cell.layer_loss for cell in group.cells if cell.layer_loss]


def _starts(groups: Iterable[Group]) -> dict[tuple[str, str, str], float]:
    """The layer loss of the untouched student for each target: of all estimates the one with the smallest error."""
    by_target: dict[tuple[str, str, str], list[Group]] = {}
    for group in groups:
        by_target.setdefault(_target(group.key), []).append(group)
    return {target: min(_estimates(own))[1] for target, own in by_target.items()}


def _estimates(groups: Sequence[Group]) -> list[tuple[float, float]]:
    """(error, estimate): from the first updates of all trainings, and from the first epochs of each dose.

    The same seed has the same first batch at every dose, so that each seed counts once. A long training does not log
    its first update, so that only the trainings with the earliest logged one count.
    """
    losses = [(cell.seed, loss) for group in groups for cell in group.cells if (loss := cell.layer_loss)]
    earliest = min(loss.logged for _, loss in losses)
    first = {seed: loss.first for seed, loss in losses if loss.logged == earliest}
    mean, noise = average(list(first.values())), average([loss.noise for _, loss in losses])
    found = [(mean * noise / math.sqrt(len(first)), mean)]
    for own in map(_losses, groups):
        extended = [loss.extended for loss in own if loss.extended is not None]
        if len(extended) == len(own):
            found.append((average([loss.error for loss in own]), average(extended)))
    return found


def _dose(group: Group, start: float) -> Row:
    losses, rates = _losses(group), group.costs("learning_rate")
    ends = [loss.last for loss in losses]
    row: Row = {"learning_rate": rate_text(average(rates)) if rates else None}
    row |= {"updates": max(loss.updates for loss in losses), "loss_start": start, "loss_end": average(ends)}
    if start < NONE:
        return row | dict.fromkeys(("drop", "drop_low", "drop_high"))
    drops = [1 - end / start for end in ends]
    return row | {"drop": average(drops), "drop_low": min(drops), "drop_high": max(drops)}


def _no_dose() -> Row:
    row: Row = {"learning_rate": None, "updates": 0, "loss_start": None, "loss_end": None}
    return row | dict.fromkeys(("drop", "drop_low", "drop_high"), 0.0)
