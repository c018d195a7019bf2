"""Drawing the splits of a study from a published benchmark's items: disjoint, seeded, free of test items."""

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from semalign.benchmarks.base import Example, Prepared
from semalign.benchmarks.contamination import WIDTH, Compared, Reason, TestSet, keep_clean
from semalign.benchmarks.left_over import left_over
from semalign.benchmarks.overlap import check_splits
from semalign.config.base import Split
from semalign.config.benchmarks import RealBenchmark
from semalign.runtime.errors import UserError

LOGGER = logging.getLogger(__name__)
Sizes = Mapping[Split, int]
# The order in which splits are taken from a pool. Train comes last and takes the rest, so that its size never moves the
# others.
DEALT: tuple[Split, ...] = ("extract", "align", "validation", "train")


def draw(
    settings: RealBenchmark,
    paper: Sizes,
    pool: Sequence[Example],
    test: Sequence[Example],
    compared: Callable[[Example], Compared],
    validation: Sequence[Example] | None = None,
    held_out: Sequence[Example] = (),
) -> Prepared:
    """Draw all splits; `validation` is a separate pool, if the source has one.

    An item of a pool is dropped if the test set or `held_out` (another benchmark's test set) holds it, or if it repeats
    an earlier one. A smaller split is the beginning of a larger one, and up to the paper's sizes no split moves
    another. The test set keeps its official order; a part of it is drawn at random, and a smaller part is contained in
    a larger one. If no size is given, train has the paper's size or what is left. Raises UserError if a pool is too
    small.
    """
    name = settings.benchmark
    test_set = TestSet(map(compared, [*test, *held_out]))
    seen: set[str] = set()
    clean, dropped = keep_clean(((item, compared(item)) for item in pool), test_set, seen)
    counts = {"pool": dropped}
    own: list[Example] | None = None
    if validation is not None:
        own, counts["validation pool"] = keep_clean(
            ((item, compared(item)) for item in validation), test_set, seen
        )
    splits = _deal(settings, paper, clean, own)
    heal = left_over(name, splits, clean, own or ())
    splits["test"] = take_test(test, settings.test, f"{name} test {settings.seed}")
    numbered = {split: [_named(item, name, split) for item in items] for split, items in splits.items()}
    check_splits(name, numbered)
    LOGGER.info("benchmark %s: %s; %s", name, _sizes(numbered), _reasons(counts))
    return Prepared(numbered, origin={"overlap": {"words": WIDTH, "dropped": counts}}, heal=heal)


def take_test(test: Sequence[Example], size: int | None, seed: str) -> list[Example]:
    """Draw `size` items by seed and keep their order; return all items if `size` is None.

    Raises UserError if there are fewer.
    """
    if size is None:
        return list(test)
    if size > len(test):
        raise UserError(
            f"benchmark ({seed}): found {len(test)} examples in the official set, expected at least {size}"
        )
    order = list(range(len(test)))
    random.Random(seed).shuffle(order)
    return [test[index] for index in sorted(order[:size])]


def _deal(
    settings: RealBenchmark, paper: Sizes, pool: Sequence[Example], validation: Sequence[Example] | None
) -> dict[Split, list[Example]]:
    """Cut the shuffled pool into its splits.

    Each split occupies at least the paper's size in the pool, even if it is smaller, so that its size moves no other.
    """
    name = settings.benchmark
    start = 0
    shuffled = _shuffled(pool, f"{name} {settings.seed}")
    validation_pool = (
        None if validation is None else _shuffled(validation, f"{name} validation {settings.seed}")
    )
    splits: dict[Split, list[Example]] = {}
    for split in DEALT:
        size = getattr(settings, split) or paper[split]
        source, first = (
            (validation_pool, 0)
            if split == "validation" and validation_pool is not None
            else (shuffled, start)
        )
        splits[split] = source[first : first + size]
        if len(splits[split]) < (size if getattr(settings, split) or split != "train" else 1):
            raise UserError(
                f"benchmark {name}: {split}: found only {len(splits[split])} examples left, expected {size}"
            )
        start += 0 if source is validation_pool else max(size, paper[split])
    return {split: splits[split] for split in ("train", "extract", "align", "validation")}


def _shuffled(items: Sequence[Example], seed: str) -> list[Example]:
    order = list(items)
    random.Random(seed).shuffle(order)
    return order


def _named(item: Example, name: str, split: Split) -> Example:
    """The item under an id that names its benchmark, its split and its id in the source."""
    return replace(item, id=f"{name}-{split}-{item.id}")


def _sizes(splits: Mapping[Split, Sequence[Any]]) -> str:
    return ", ".join(f"{split} {len(items):,}" for split, items in splits.items())


def _reasons(dropped: Mapping[str, Mapping[Reason, Sequence[str]]]) -> str:
    reasons = [
        f"{len(ids)} {reason}" + (f" ({pool})" if len(dropped) > 1 else "")
        for pool, by_reason in dropped.items()
        for reason, ids in by_reason.items()
        if ids
    ]
    return f"kept out of training: {', '.join(reasons) or 'none'}"
