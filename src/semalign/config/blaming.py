"""Which of several config files a problem is from, so that its line names the file in which it can be mended.

A file may make a key of the file that it extends wrong: without a learning-rate search, every `searched: false` says
nothing. Such a problem is not there without the stronger file, so it is that file's, whichever file has the key.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

Layer = tuple[str, dict[str, Any]]
# the problems of the first layers, by their number; None if these can't be judged without the others
Judge = Callable[[int], Sequence[str] | None]


class Holder(NamedTuple):
    """The strongest layer that has most of a problem's key, and whether it has the whole key; None if none has any."""

    layer: int | None
    whole: bool = False


def holder_of(layers: Sequence[Layer], key: str) -> Holder:
    """Return which layer has a dotted key, or as much of it as any has."""
    depths = [(_depth(data, key), number) for number, (_, data) in enumerate(layers)]
    depth, number = max(depths, default=(0, 0))
    return Holder(number, depth == len(re.sub(r"(\[\d+\])+$", "", key))) if depth else Holder(None)


def first_telling(line: str, layers: int, holder: int, judge: Judge) -> int:
    """Return the weakest layer with which a problem is told; the holder of its key if that can't be found out."""
    for number in range(layers - 1):
        told = judge(number + 1)
        if told is not None and _head(line) in map(_head, told):
            return number
    can_tell = holder == layers - 1 or judge(holder + 1) is not None
    return layers - 1 if can_tell else holder


def _head(line: str) -> str:
    """A problem without what was expected, which may be a list of names that a stronger file adds to."""
    return line.partition("expected")[0]


def _depth(data: Any, key: str) -> int:
    """How many characters of a dotted key lead to a value in nested mappings; names may contain dots themselves."""
    if not isinstance(data, dict):
        return 0
    depths = [
        len(own) + _inner(data[own], key[len(own) :])
        for own in map(str, data)
        if key == own or key.startswith((f"{own}.", f"{own}["))
    ]
    return max(depths, default=0)


def _inner(data: Any, rest: str) -> int:
    """The depth of the rest of a key, with the dot before it."""
    depth = _depth(data, rest.lstrip("."))
    return depth + len(rest) - len(rest.lstrip(".")) if depth else 0
