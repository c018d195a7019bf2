"""Training items of a benchmark that no split uses: documents for healing a pruned model."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from semalign.benchmarks.base import HEAL, Example
from semalign.config.base import Split


def left_over(
    name: str, splits: Mapping[Split, Sequence[Example]], *pools: Sequence[Example]
) -> list[Example]:
    """Return the items of the pools, in their order, that are in no split, under new names.

    Pools and splits must have the source's ids. If the pools have no test item and no item twice, neither has the
    result.
    """
    drawn = {item.id for items in splits.values() for item in items}
    return [
        replace(item, id=f"{name}-{HEAL}-{item.id}")
        for pool in pools
        for item in pool
        if item.id not in drawn
    ]
