"""From the rows of a published benchmark to the splits of the study: disjoint, seeded, free of test items."""

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
# The order in which a pool is dealt out: the last takes what is left, so that the others never move.
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
    """Draw all splits; `validation` is a pool of its own where the source has one.

    An item of a pool is dropped when the test set or another benchmark's, `held_out`, holds it, or an earlier
    one repeats it. A smaller split is the beginning of a larger one, and up to the paper's sizes no split moves
    another. The test set keeps its official order; a part of it is drawn at random, the smaller within the
    larger. Where no size is given, train has the paper's or what is left. Raises UserError when a pool is too
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
    """`size` of the items in their order, drawn by seed; all where no size is given.

    Raises UserError when there are fewer.
    """
    if size is None:
        return list(test)
    if size > len(test):
        raise UserError(
            f"benchmark ({seed}): {size} examples asked for, but the official set has {len(test)}"
        )
    order = list(range(len(test)))
    random.Random(seed).shuffle(order)
    return [test[index] for index in sorted(order[:size])]


def _deal(
    settings: RealBenchmark, paper: Sizes, pool: Sequence[Example], validation: Sequence[Example] | None
) -> dict[Split, list[Example]]:
    """Cut the shuffled pool into its splits, each at least as long as the paper's before it is shortened."""
    name = settings.benchmark
    start = 0
    shuffled = _shuffled(pool, f"{name} {settings.seed}")
    apart = None if validation is None else _shuffled(validation, f"{name} validation {settings.seed}")
    splits: dict[Split, list[Example]] = {}
    for split in DEALT:
        size = getattr(settings, split) or paper[split]
        source, first = (apart, 0) if split == "validation" and apart is not None else (shuffled, start)
        splits[split] = source[first : first + size]
        if len(splits[split]) < (size if getattr(settings, split) or split != "train" else 1):
            raise UserError(
                f"benchmark {name}: {split}: {size} examples asked for, but only {len(splits[split])} are left"
            )
        start += 0 if source is apart else max(size, paper[split])
    return {split: splits[split] for split in ("train", "extract", "align", "validation")}


def _shuffled(items: Sequence[Example], seed: str) -> list[Example]:
    order = list(items)
    random.Random(seed).shuffle(order)
    return order


def _named(item: Example, name: str, split: Split) -> Example:
    """The item under a name that tells its split and where it stands in the source."""
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
