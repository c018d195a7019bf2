"""Encoding of values and messages between the processes of a sandbox.

Only plain values cross, as tagged JSON from which exact built-in types are rebuilt. Code never crosses, so a value
from the candidate's process has no methods that the candidate defined.
"""

import builtins
import json
import os
import struct
from collections.abc import Callable
from typing import Any

_HEADER = struct.Struct(">I")
_SMALL = 1 << 63


class WireError(Exception):
    """The other side sent something that `encode` and `send` never produce."""


class TooLarge(Exception):
    """A message is larger than the limit."""


class Unsupported(Exception):
    """A value can't cross as plain data; the message is the type's name."""


def read_exactly(descriptor: int, size: int) -> bytes:
    """Read `size` bytes; raises EOFError if the other side is gone."""
    parts = []
    while size:
        part = os.read(descriptor, min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def send(descriptor: int, message: Any) -> None:
    """Send one JSON message, preceded by its length."""
    data = json.dumps(message).encode()
    write_all(descriptor, _HEADER.pack(len(data)) + data)


def receive(descriptor: int, limit: int) -> Any:
    """Receive one message of at most `limit` bytes. Raises EOFError, TooLarge or WireError."""
    (size,) = _HEADER.unpack(read_exactly(descriptor, _HEADER.size))
    if size > limit:
        raise TooLarge
    try:
        return json.loads(read_exactly(descriptor, size))
    except (ValueError, RecursionError) as error:
        raise WireError(type(error).__name__) from None


def _integer(value: int) -> Any:
    # Python limits the digits of an integer in JSON, so large ones are sent in base 16.
    return int(value) if -_SMALL < value < _SMALL else ["i", hex(value)]


def encode(value: Any, hold: Callable[[Any], int] | None = None) -> Any:
    """Turn a value into tagged JSON; a subclass of a built-in type crosses as that type.

    `hold` keeps an object that can't cross and returns its handle; without it such an object raises
    Unsupported.
    """
    if value is None or isinstance(value, bool | float | str):
        return value if type(value) in (bool, float, str, type(None)) else _base(value)
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, list | tuple | set | frozenset):
        tag = next(tag for tag, kind in _SEQUENCES.items() if isinstance(value, kind))
        return [tag, *(encode(item, hold) for item in value)]
    if isinstance(value, dict):
        return ["d", *(encode(part, hold) for pair in value.items() for part in pair)]
    if isinstance(value, bytes | bytearray):
        return ["b" if isinstance(value, bytes) else "B", value.hex()]
    if isinstance(value, complex):
        return ["c", value.real, value.imag]
    if type(value) is range:
        return ["r", *(_integer(part) for part in (value.start, value.stop, value.step))]
    if isinstance(value, type) and _TYPES.get(value.__name__) is value:
        return ["T", value.__name__]
    if hold is None:
        raise Unsupported(type(value).__name__)
    return ["h", hold(value)]


def _base(value: Any) -> Any:
    return str.__str__(value) if isinstance(value, str) else float.__float__(value)


_TYPES = {name: value for name, value in vars(builtins).items() if isinstance(value, type)}
_SEQUENCES: dict[str, type] = {"l": list, "t": tuple, "s": set, "f": frozenset}


def decode(data: Any, handle: Callable[[int], Any]) -> Any:
    """Rebuild a value from tagged JSON; `handle` makes the proxy of an object from its number.

    Raises WireError on anything that `encode` does not write.
    """
    try:
        return _decode(data, handle)
    except (ValueError, TypeError, IndexError, KeyError, RecursionError, OverflowError) as error:
        raise WireError(type(error).__name__) from None


def _decode(data: Any, handle: Callable[[int], Any]) -> Any:
    if not isinstance(data, list):
        if isinstance(data, dict):
            raise ValueError
        return data
    tag, *rest = data
    if tag in _SEQUENCES:
        return _SEQUENCES[tag](_decode(item, handle) for item in rest)
    if tag == "d":
        items = [_decode(item, handle) for item in rest]
        return dict(zip(items[::2], items[1::2], strict=True))
    if tag in ("b", "B"):
        return (bytes if tag == "b" else bytearray).fromhex(*rest)
    if tag == "i":
        return int(rest[0], 16)
    if tag == "c":
        return complex(*rest)
    if tag == "r":
        return range(*(_decode(item, handle) for item in rest))
    if tag == "T":
        return _TYPES[rest[0]]
    if tag == "h" and type(rest[0]) is int:
        return handle(rest[0])
    raise ValueError
