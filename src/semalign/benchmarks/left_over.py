"""What no split drew of a benchmark's training items: documents for healing a pruned model."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from semalign.benchmarks.base import HEAL, Example
from semalign.config.base import Split


def left_over(
    name: str, splits: Mapping[Split, Sequence[Example]], *pools: Sequence[Example]
) -> list[Example]:
    """The items of the pools, in their order, that stand in no split (neither is renamed yet); renamed here.

    Pools that are clean hold nothing of a test set and no item twice, and so does what is left of them.
    """
    drawn = {item.id for items in splits.values() for item in items}
    return [
        replace(item, id=f"{name}-{HEAL}-{item.id}")
        for pool in pools
        for item in pool
        if item.id not in drawn
    ]
