"""Floating-point operations of a training, from a few counted updates.

Counting slows down the updates of a small model by more than half, so only some are counted. The operations of an
update are a linear function of its size, such as its numbers of tokens and of supervised positions. An update is
counted if its size is not a combination of those counted before, and every 64th. The function is fitted to the counted
updates by least squares and gives the rest. For losses on single positions the result is exact; for one on pairs of
positions it is within 1 %.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any

import numpy as np

from semalign.runtime.counting import Counter, active
from semalign.runtime.products import Products

EVERY = 64
NEW = 0.01  # share of a size outside the span of those counted before, from which an update is counted


class Updates:
    """Sizes of all updates, and operations of those that were counted."""

    def __init__(self) -> None:
        self.sizes: list[list[float]] = []
        self.counts: list[int] = []
        self.rest: list[float] = []  # sum of the sizes of all updates that were not counted
        self.parts: dict[str, int] = {}
        self._inner = 0
        self._span: list[np.ndarray] = []  # orthonormal directions of the counted sizes

    @contextlib.contextmanager
    def update(self, step: int, size: Sequence[float] | None) -> Iterator[None]:
        """Context of one update; `size` is None if it is not known, and the update is then counted."""
        if size is not None and step % EVERY and not self._is_new(size):
            self.rest = [a + b for a, b in zip(self.rest or [0.0] * len(size), size, strict=True)]
            yield
            return
        self._inner = 0
        with Products() as products:
            yield
        self._learn(list(size or []), products.total - self._inner)

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Context of work that is done once, whatever update it is done in."""
        with Products() as products:
            yield
        self.parts[name] = products.total
        self._inner += products.total

    def total(self) -> int:
        """Operations of all updates and parts."""
        estimated = 0.0
        if self.rest:
            counted = np.stack([self._scaled(size) for size in self.sizes])
            fit = np.linalg.lstsq(counted, np.array(self.counts, float), rcond=1e-6)[0]
            estimated = float(fit @ self._scaled(self.rest))
        return sum(self.counts) + round(estimated) + sum(self.parts.values())

    def state(self) -> dict[str, Any]:
        """What a resumed training needs to continue counting."""
        return {"sizes": self.sizes, "counts": self.counts, "rest": self.rest, "parts": self.parts}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        for size, count in zip(state["sizes"], state["counts"], strict=True):
            self._learn(size, count)
        self.rest, self.parts = state["rest"], dict(state["parts"])

    def _learn(self, size: list[float], count: int) -> None:
        self.sizes.append(size)
        self.counts.append(count)
        if size and self._is_new(size):
            outside = self._outside(size)
            self._span.append(outside / np.linalg.norm(outside))

    def _is_new(self, size: Sequence[float]) -> bool:
        """Whether `size` is outside the span of the counted sizes."""
        if not self._span or len(self._span) == len(size):
            return not self._span
        return bool(np.linalg.norm(self._outside(size)) > NEW * np.linalg.norm(self._scaled(size)))

    def _outside(self, size: Sequence[float]) -> np.ndarray:
        left = self._scaled(size)
        for direction in self._span:
            left = left - (left @ direction) * direction
        return left

    def _scaled(self, size: Sequence[float]) -> np.ndarray:
        """Size in units of that of the first update, so that all entries are near 1."""
        return np.array(size, float) / np.maximum(self.sizes[0], 1.0)


_running: ContextVar[Updates | None] = ContextVar("updates", default=None)


@contextlib.contextmanager
def training_counted() -> Iterator[Updates | None]:
    """Context of a training loop: its updates, whose operations the stage's counter gets at the end.

    None if the stage does not count its operations.
    """
    counter: Counter | None = active()
    if counter is None:
        yield None
        return
    updates = Updates()
    token = _running.set(updates)
    try:
        with counter.paused():
            yield updates
    finally:
        _running.reset(token)
    counter.add(updates.total())


Turn = Callable[[int, Sequence[float]], AbstractContextManager[None]]


@contextlib.contextmanager
def few_counted() -> Iterator[Turn]:
    """Context of a loop whose turns are alike: yields the context of one turn, given its number and its size.

    As of a training's updates, few are counted.
    """
    with training_counted() as updates:
        yield updates.update if updates else _uncounted


def _uncounted(_number: int, _size: Sequence[float]) -> AbstractContextManager[None]:
    return contextlib.nullcontext()


@contextlib.contextmanager
def once(name: str) -> Iterator[None]:
    """Context of work within an update that is done once per training, such as filling a cache."""
    updates = _running.get()
    with updates.part(name) if updates else contextlib.nullcontext():
        yield
