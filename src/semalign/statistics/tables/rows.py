"""The rows of each table, from the results of all comparisons."""

from collections.abc import Iterable, Sequence
from typing import Any

from semalign.runtime.columns import COSTS, FLOPS
from semalign.runtime.errors import UserError
from semalign.statistics.corrections import holm
from semalign.statistics.tables.cells import Group, Key
from semalign.statistics.tables.compare import MAIN_AGAINST, Against, Results
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.paper import published

Row = dict[str, Any]


def sorted_groups(groups: dict[Key, Group], order: Order) -> dict[Key, Group]:
    """Sort groups by pair, benchmark, method and variant, each in the order of the config.

    Raises UserError naming a cell that is not in the order.
    """
    variants = [order.default_variant]
    for axes in order.axes.values():
        variants += [f"{axis}~{value}" for axis, known in axes.items() for value in known.values]
    columns = (order.pairs, order.rows_of_benchmarks, order.methods, list(dict.fromkeys(variants)))
    for key in groups:
        for field, name, known in zip(Key._fields, key, columns, strict=True):
            if name not in known:
                raise UserError(
                    f"cell {'/'.join(key)}: {field} {name!r} is unknown, expected one of {', '.join(known)}"
                )
    rank = [{name: index for index, name in enumerate(column)} for column in columns]
    ordered = sorted(groups, key=lambda key: tuple(at[name] for at, name in zip(rank, key, strict=True)))
    return {key: groups[key] for key in ordered}


def main_keys(results: Results, order: Order) -> list[Key]:
    """The rows of the main table: the default variants, without methods that are only rungs of the ladder."""
    return [
        key
        for key in results.groups
        if key.variant == order.default_variant and key.method not in order.rungs
    ]


def rung_keys(results: Results, order: Order) -> list[Key]:
    """The default variants of methods that are only rungs of the ladder."""
    return [
        key for key in results.groups if key.variant == order.default_variant and key.method in order.rungs
    ]


def ablation_keys(results: Results, order: Order) -> list[tuple[Key, str, str]]:
    """The rows of the ablation as (key, axis, value); the default is repeated at the start of each axis.

    The parts of a mixture have their own table (`tables.parts`).
    """
    rows = []
    for default in main_keys(results, order):
        if order.is_part(default.benchmark):
            continue
        for axis, known in order.axes.get(default.method, {}).items():
            variants = [(default._replace(variant=f"{axis}~{value}"), axis, value) for value in known.values]
            present = [row for row in variants if row[0] in results.groups]
            rows += [(default, axis, known.default), *present] if present else []
    return rows


def corrected(results: Results, keys: Iterable[Key]) -> dict[tuple[Key, Against], float]:
    """Holm-corrected p-values of all comparisons of a table, as one family; a repeated row counts once."""
    wanted = set(keys)
    return holm(
        {at: comparison.difference.p for at, comparison in results.comparisons.items() if at[0] in wanted}
    )


def table_row(
    key: Key,
    results: Results,
    p_values: dict[tuple[Key, Against], float],
    order: Order,
    against: Sequence[Against] = MAIN_AGAINST,
) -> Row:
    """One row with the columns of the main table and those of `against`; undefined values are None."""
    group, score, gap = results.groups[key], results.scores[key], results.gaps.get(key)
    row: Row = {**key._asdict(), "seeds": len(group.cells), "items": group.scores.items}
    row |= {"score": score.estimate, "score_low": score.low, "score_high": score.high}
    for other in against:
        comparison = results.comparisons.get((key, other))
        row[f"vs_{other}"] = comparison.difference.estimate if comparison else None
        row[f"vs_{other}_p"] = p_values.get((key, other))
    row |= {"gap_closed": None, "gap_closed_low": None, "gap_closed_high": None}
    if gap:
        row |= {"gap_closed": gap.estimate, "gap_closed_low": gap.low, "gap_closed_high": gap.high}
    row |= _costs(group)
    default = key.variant == order.default_variant
    pair = order.paper_pairs.get(key.pair, key.pair)
    row["paper"] = published(pair, key.benchmark, key.method) if default else None
    return row


def _costs(group: Group) -> Row:
    """Means over the seeds; for peak memory and the number of parameters, the largest value."""
    row: Row = {}
    for name in COSTS:
        values = group.costs(name)
        largest = name in ("peak_memory_mb", "trainable_parameters")
        row[name] = integral(name, (max(values) if largest else average(values)) if values else None)
    return row


def integral(name: str, value: float | None) -> float | int | None:
    """Return `value` as an int if the column `name` is a count."""
    counts = ("trainable_parameters", "teacher_passes", "searched", "trials", *FLOPS)
    return round(value) if value is not None and name in counts else value


def average(values: list[float]) -> float:
    """The mean of a list that is not empty."""
    return sum(values) / len(values)
