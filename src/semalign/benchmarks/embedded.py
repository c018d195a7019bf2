"""How every embedded benchmark draws its splits."""

import random
from collections.abc import Callable
from dataclasses import replace

from semalign.benchmarks.base import Example
from semalign.benchmarks.overlap import normalise
from semalign.config.base import SPLITS, Split
from semalign.config.tiny import TinyBenchmark
from semalign.runtime.errors import UserError

KEPT: tuple[Split, ...] = ("validation", "test")  # from problems the corpus never shows
PATIENCE = 1000  # draws in a row that may repeat an earlier prompt

DrawItem = Callable[[random.Random, bool], Example]


def draw_splits(name: str, settings: TinyBenchmark, draw_item: DrawItem) -> dict[Split, list[Example]]:
    """Draw every split; no prompt occurs twice in the whole benchmark.

    `draw_item(random, reserved)` gives one item of the problems kept for validation and test, or of the open
    ones. Raises UserError when there are not as many different problems as asked for.
    """
    seen: set[str] = set()
    splits: dict[Split, list[Example]] = {}
    for split in SPLITS:
        draw = random.Random(f"{name} {split} {settings.seed}")
        splits[split] = []
        for number in range(getattr(settings, split)):
            item = _draw_unseen(lambda draw=draw, kept=split in KEPT: draw_item(draw, kept), seen)  # type: ignore[misc]
            if item is None:
                raise UserError(
                    f"benchmark {name}: {split}: {getattr(settings, split)} examples asked for, "
                    f"but only {number} different ones could be drawn"
                )
            splits[split].append(replace(item, id=f"{name}-{split}-{number:04}"))
    return splits


def _draw_unseen(draw_item: Callable[[], Example], seen: set[str]) -> Example | None:
    for _ in range(PATIENCE):
        item = draw_item()
        prompt = normalise(item.prompt)
        if prompt not in seen:
            seen.add(prompt)
            return item
    return None
