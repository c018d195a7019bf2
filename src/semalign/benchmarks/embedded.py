"""Drawing the splits of an embedded benchmark."""

import random
from collections.abc import Callable
from dataclasses import replace

from semalign.benchmarks.base import Example
from semalign.benchmarks.overlap import normalise
from semalign.config.base import SPLITS, Split
from semalign.config.tiny import TinyBenchmark
from semalign.runtime.errors import UserError

KEPT: tuple[Split, ...] = ("validation", "test")  # drawn from problems that the corpus never shows
PATIENCE = 1000  # draws in a row that may repeat an earlier prompt before giving up

DrawItem = Callable[[random.Random, bool], Example]


def draw_splits(name: str, settings: TinyBenchmark, draw_item: DrawItem) -> dict[Split, list[Example]]:
    """Draw every split; no prompt occurs twice in the whole benchmark.

    `draw_item(random, reserved)` draws one item, from the problems reserved for validation and test or from the other
    ones. Raises UserError if there are not enough different problems.
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
                    f"benchmark {name}: {split}: found only {number} different examples, "
                    f"expected {getattr(settings, split)}"
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
