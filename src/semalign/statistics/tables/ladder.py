"""The ladder: methods that differ in one thing, each compared with the one below it.

A rung's score, KL divergence and agreement are those of the main table and of the table of agreement, its tests are
paired over the same items, and over the seeds if both rungs have the same ones (see `statistics.paired`).
"""

from dataclasses import dataclass

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.corrections import holm
from semalign.statistics.intervals import Interval
from semalign.statistics.paired import Difference, paired_differences
from semalign.statistics.ratios import ratio_intervals
from semalign.statistics.scores import Scores
from semalign.statistics.tables.agreement import BOUNDS, Figure, compared, fidelity, interval_columns
from semalign.statistics.tables.cells import Group, Key
from semalign.statistics.tables.compare import Results
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.rows import Row

Block = list["Rung"]


@dataclass(frozen=True)
class Rung:
    """A method at default settings, with its number from 1 (the lowest); `below` is the next lower one with cells."""

    number: int
    group: Group
    below: Group | None


def ladder_rows(results: Results, order: Order, settings: StatisticsSettings) -> list[Row]:
    """One row per pair, benchmark (and part of a mixture) and rung; empty without `Order.ladder`.

    Scores and agreement in percent, KL in nats per token, each with its interval, and the difference from the rung
    below in points and nats with its p-value. The p-values of each measure are one Holm family over the whole table.
    KL and agreement are None for a rung that was not compared with the teacher.
    """
    blocks = _blocks(results, order)
    rows = {rung.group.key: _names(rung) for block in blocks for rung in block}
    for key, row in rows.items():
        row |= interval_columns("score", results.scores[key])
    own = [{rung.group.key: rung.group.scores for rung in block} for block in blocks]
    _add_tests(rows, "score", _differences(blocks, own, settings))
    for figure in BOUNDS:
        own = [_compared_with_teacher(block, figure) for block in blocks]
        known = {key: interval for scores in own for key, interval in _intervals(scores, figure, settings)}
        for key, row in rows.items():
            row |= interval_columns(f"teacher_{figure}", known.get(key))
        _add_tests(rows, figure, _differences(blocks, own, settings))
    return list(rows.values())


def _blocks(results: Results, order: Order) -> list[Block]:
    """The rungs of every pair and benchmark, the lowest first; a method without cells is left out."""
    wanted = order.ladder.benchmarks or order.benchmarks
    names = [row for name in order.benchmarks if name in wanted for row in (name, *order.part_names(name))]
    return [_block(results, pair, benchmark, order) for pair in order.pairs for benchmark in names]


def _block(results: Results, pair: str, benchmark: str, order: Order) -> Block:
    block: Block = []
    for number, method in enumerate(order.ladder.rungs, start=1):
        group = results.groups.get(Key(pair, benchmark, method, order.default_variant))
        if group is not None:
            block.append(Rung(number, group, block[-1].group if block else None))
    return block


def _names(rung: Rung) -> Row:
    group = rung.group
    names = {name: getattr(group.key, name) for name in ("pair", "benchmark", "method")}
    below = rung.below.key.method if rung.below else None
    counts = {"seeds": len(group.cells), "items": group.scores.items}
    return {**names, "rung": rung.number, "below": below, **counts}


def _compared_with_teacher(block: Block, figure: Figure) -> dict[Key, Scores]:
    groups = [rung.group for rung in block if all(map(compared, rung.group.cells))]
    return {group.key: fidelity(group, figure) for group in groups}


def _intervals(
    scores: dict[Key, Scores], figure: Figure, settings: StatisticsSettings
) -> list[tuple[Key, Interval]]:
    if not scores:
        return []
    return list(zip(scores, ratio_intervals(list(scores.values()), settings, BOUNDS[figure]), strict=True))


def _differences(
    blocks: list[Block], scores: list[dict[Key, Scores]], settings: StatisticsSettings
) -> dict[Key, Difference]:
    """Each rung against the one below it, if both have this measure."""
    found: dict[Key, Difference] = {}
    for block, own in zip(blocks, scores, strict=True):
        steps = [(rung.group.key, rung.below.key) for rung in block if rung.below]
        steps = [(key, below) for key, below in steps if key in own and below in own]
        differences = paired_differences([(own[key], own[below]) for key, below in steps], settings)
        found |= {key: difference for (key, _), difference in zip(steps, differences, strict=True)}
    return found


def _add_tests(rows: dict[Key, Row], measure: str, differences: dict[Key, Difference]) -> None:
    """Add the difference from the rung below, its interval and both p-values; None for the lowest rung."""
    corrected = holm({key: difference.p for key, difference in differences.items()})
    for key, row in rows.items():
        step = differences.get(key)
        interval = Interval(step.estimate, step.low, step.high) if step else None
        row |= interval_columns(f"{measure}_vs_below", interval)
        row |= {f"{measure}_p": step.p if step else None, f"{measure}_p_holm": corrected.get(key)}
