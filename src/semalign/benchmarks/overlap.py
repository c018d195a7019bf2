"""Whether splits are what a fair test needs: none empty, none sharing an item with another."""

import re
from collections.abc import Callable, Iterable
from itertools import combinations

from semalign.benchmarks.base import Example
from semalign.config.base import SPLITS, Split
from semalign.runtime.errors import UserError


def normalise(text: str) -> str:
    """Lower case, every run of white space as one space: texts that differ in no more count as one."""
    return re.sub(r"\s+", " ", text).strip().lower()


def by_prompt(example: Example) -> str:
    """What makes two items share their question."""
    return normalise(example.prompt)


def by_text(example: Example) -> str:
    """What makes two items the same."""
    return normalise(example.prompt + example.answer)


def find_overlap(
    first: Iterable[Example], second: Iterable[Example], key: Callable[[Example], str] = by_prompt
) -> list[tuple[str, str]]:
    """Pairs of ids, one of each split, whose `key` is the same."""
    seen = {key(example): example.id for example in first}
    return [(seen[key(example)], example.id) for example in second if key(example) in seen]


def check_splits(name: str, splits: dict[Split, list[Example]]) -> None:
    """Raise UserError when a split is missing or empty, or two share a prompt or a prompt with its answer."""
    for split in SPLITS:
        if not splits.get(split):
            raise UserError(f"benchmark {name}: split {split} is empty; expected at least one example")
    for (one, first), (other, second) in combinations(splits.items(), 2):
        for what, key in (("text", by_text), ("prompt", by_prompt)):
            shared = find_overlap(first, second, key)
            if shared:
                raise UserError(
                    f"benchmark {name}: {one} and {other} share {len(shared)} items by {what} "
                    f"(first {shared[0][0]} and {shared[0][1]}); expected none"
                )
