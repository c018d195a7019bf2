"""Count the floating-point operations of a stage (see `products`); its record then has them as `flops`.

Importing this file does not import torch.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Counter:
    """Operations counted so far; `add` adds those that were counted or estimated elsewhere."""

    def __init__(self) -> None:
        from semalign.runtime.products import Products

        self.products: Any = Products()

    @property
    def total(self) -> int:
        """Operations so far."""
        return int(self.products.total)

    def add(self, operations: int) -> None:
        """Add operations that were done while this counter was paused."""
        self.products.total += operations

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Context in which nothing is counted."""
        with self.products.paused():
            yield


_active: ContextVar[Counter | None] = ContextVar("counter", default=None)


def active() -> Counter | None:
    """The counter of the running stage, or None if its operations are not counted."""
    return _active.get()


@contextlib.contextmanager
def counting() -> Iterator[Counter]:
    """Context in which all matrix products are counted. An inner context shares the counter of the outer one."""
    if counter := active():
        yield counter
        return
    counter = Counter()
    token = _active.set(counter)
    try:
        with counter.products:
            yield counter
    finally:
        _active.reset(token)


def counted(stage: Callable[P, R]) -> Callable[P, R]:
    """Decorator of a stage function whose record is to have `flops`."""

    @functools.wraps(stage)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with counting():
            return stage(*args, **kwargs)

    return run


def operations() -> dict[str, int]:
    """Entry of a record: `flops` of the running stage so far; empty if they are not counted."""
    counter = active()
    return {} if counter is None else {"flops": counter.total}
