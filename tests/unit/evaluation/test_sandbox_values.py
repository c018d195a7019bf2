"""Values that cross between a program under test and its tests, and what can't."""

import math
import os

import pytest

from semalign.evaluation.sandbox.inside import wire
from semalign.evaluation.sandbox.inside.remote import take_over

VALUES = [
    None,
    True,
    0,
    -(2**63),
    2**4000,
    1.5,
    math.inf,
    -0.0,
    "text\ud800\n",
    b"\x00\xff",
    bytearray(b"ab"),
    1 - 2j,
    range(1, 9, 2),
    [1, [2.0, (3, "4")], set(), {5, 6}, frozenset({7})],
    {1: {"a": [None]}, (1, 2): True, "": {}},
    int,
    [dict, ValueError],
]


def exact(value: object) -> object:
    """The value with its types, at every depth."""
    if isinstance(value, list | tuple):
        return type(value), [exact(item) for item in value]
    if isinstance(value, dict):
        return dict, [(exact(key), exact(item)) for key, item in value.items()]
    return type(value), repr(value)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:30])
def test_plain_values_cross_unchanged(value: object) -> None:
    read, write = os.pipe()
    wire.send(write, wire.encode(value))
    crossed = wire.decode(wire.receive(read, 1 << 20), lambda _: None)
    assert exact(crossed) == exact(value)


def test_a_subclass_crosses_as_its_base() -> None:
    class Whole(int):
        pass

    for value, base in (
        (Whole(3), 3),
        (type("Text", (str,), {})("a"), "a"),
        (type("Part", (float,), {})(0.5), 0.5),
    ):
        crossed = wire.decode(wire.encode(value), lambda _: None)
        assert (type(crossed), crossed) == (type(base), base)


@pytest.mark.parametrize(
    "data", [["x"], ["d", 1], ["s", ["l"]], ["i", "zz"], ["h"], ["h", "1"], {}, [], ["T", "eval"]]
)
def test_what_encode_never_writes_is_refused(data: object) -> None:
    with pytest.raises(wire.WireError):
        wire.decode(data, lambda number: number)


def test_a_value_that_cannot_cross_is_named() -> None:
    with pytest.raises(wire.Unsupported, match="function"):
        wire.encode([exact])
    assert wire.encode([exact], lambda _: 7) == ["l", ["h", 7]]


def test_changes_are_taken_over_at_every_depth() -> None:
    inner = [1, 2]
    ours = [inner, {"a": inner}, {1, 2}, (inner, 3), bytearray(b"ab")]
    same = [id(part) for part in ours]
    take_over(ours, [[2], {"a": [2], "b": 0}, {3}, ([2], 3), bytearray(b"c"), "new"])
    assert ours == [[2], {"a": [2], "b": 0}, {3}, ([2], 3), bytearray(b"c"), "new"]
    assert [id(part) for part in ours[:5]] == same
    assert ours[0] is inner
