"""Proxies in the tester's process for objects in the candidate's process."""

import builtins
from collections.abc import Iterator
from typing import Any, NoReturn

from . import wire

FORGED = "an answer was not written by the sandbox"
_ITEMS = 64
"""Items of an iterator that are requested at a time."""


class Broken(BaseException):
    """The candidate ended, cheated, or sent something that can't be judged.

    It is not an Exception, so that no test catches it. `status` is a verdict's status, `detail` one line.
    """

    def __init__(self, status: str, detail: str) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


class Peer:
    """The tester's end of the channel; `broken` is the first failure, `calls` the number of calls."""

    def __init__(self, channel: int, limit: int) -> None:
        self._channel = channel
        self._limit = limit
        self._known: dict[int, Remote] = {}
        self.broken: Broken | None = None
        self.calls = 0

    def fail(self, status: str, detail: str) -> NoReturn:
        """End the tests with this status, whatever exceptions the tests catch."""
        self.broken = self.broken or Broken(status, detail)
        raise self.broken

    def reply(self) -> list[Any]:
        """Wait for one answer and return its values; an exception in the candidate is raised here again."""
        try:
            message = wire.receive(self._channel, self._limit)
        except EOFError:
            self.fail("gone", "the program ended before its tests did")
        except wire.TooLarge:
            self.fail("output", "a result is larger than the output limit")
        except wire.WireError:
            self.fail("forged", FORGED)
        match message:
            case ["value", *values]:
                return values
            case ["raised", str(name), str(kind), str(text)]:
                raise rebuild(name, kind, text)
        self.fail("forged", FORGED)

    def ask(self, operation: str, *operands: Any) -> list[Any]:
        """Send one operation and return the values of its answer."""
        if self.broken:
            raise self.broken
        try:
            wire.send(self._channel, [operation, *operands])
        except OSError:
            self.fail("gone", "the program ended before its tests did")
        return self.reply()

    def encode(self, value: Any) -> Any:
        """Encode an argument; only plain values and the candidate's own objects can be sent."""

        def hold(item: Any) -> int:
            if type(item) is not Remote:
                self.fail("error", f"unsupported value: an argument of type {type(item).__name__}")
            return number_of(item)

        return wire.encode(value, hold)

    def decode(self, values: list[Any], position: int = 0) -> Any:
        """Decode one value of an answer."""
        try:
            return wire.decode(values[position], self._stand_in)
        except (wire.WireError, IndexError):
            self.fail("forged", FORGED)

    def _stand_in(self, number: int) -> "Remote":
        return self._known.setdefault(number, Remote(self, number))

    def call(self, number: int, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call an object of the candidate, and copy its changes to the arguments back."""
        self.calls += 1
        values = self.ask("call", number, self.encode(list(arguments)), self.encode(named))
        result = self.decode(values)
        take_over(list(arguments), self.decode(values, 1))
        take_over(named, self.decode(values, 2))
        return result


def rebuild(name: str, kind: str, text: str) -> Exception:
    """Make an exception with the name of the candidate's type, derived from the nearest built-in type."""
    base = getattr(builtins, kind, None)
    if not (isinstance(base, type) and issubclass(base, Exception)):
        base = RuntimeError  # also for SystemExit and the like, which must not end the tests
    if name != base.__name__ and name.isidentifier():
        base = type(name, (base,), {})
    try:
        return base(text)
    except Exception:  # a few built-in exceptions need more arguments
        return RuntimeError(f"{name}: {text}")


def take_over(ours: Any, theirs: Any) -> Any:
    """Copy returned arguments into the tester's own lists, dicts, sets and byte arrays, at every depth."""
    if not isinstance(ours, type(theirs)):
        return theirs
    if isinstance(ours, list):
        ours[:] = [take_over(*pair) for pair in zip(ours, theirs, strict=False)] + theirs[len(ours) :]
    elif isinstance(ours, dict):
        changed = {
            key: take_over(ours[key], value) if key in ours else value for key, value in theirs.items()
        }
        dict.clear(ours)
        dict.update(ours, changed)  # a Counter's own update would add
    elif isinstance(ours, set):
        ours.intersection_update(theirs)
        ours.update(theirs)
    elif isinstance(ours, bytearray):
        ours[:] = theirs
    elif isinstance(ours, tuple) and len(ours) == len(theirs):
        for pair in zip(ours, theirs, strict=True):
            take_over(*pair)
        return ours
    else:
        return theirs
    return ours


class Remote:
    """Proxy of one object of the candidate: it can be called, read, written and iterated, never compared.

    An object's own answer to a comparison would prove nothing, since the model wrote its methods.
    """

    __slots__ = ("_number", "_peer")

    def __init__(self, peer: Peer, number: int) -> None:
        object.__setattr__(self, "_peer", peer)
        object.__setattr__(self, "_number", number)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._peer.call(self._number, arguments, named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._peer.decode(self._peer.ask("get", self._number, name))

    def __setattr__(self, name: str, value: Any) -> None:
        self._peer.ask("set", self._number, name, self._peer.encode(value))

    def __iter__(self) -> Iterator[Any]:
        iterator = self._peer.decode(self._peer.ask("iterate", self._number))
        if type(iterator) is not Remote:
            self._peer.fail("forged", FORGED)
        items = [None] * _ITEMS
        while len(items) == _ITEMS:
            items = self._peer.decode(self._peer.ask("take", number_of(iterator), _ITEMS))
            if type(items) is not list:
                self._peer.fail("forged", FORGED)
            yield from items

    def __next__(self) -> Any:
        return self._peer.decode(self._peer.ask("next", self._number))

    def _refuse(self, *_: Any) -> Any:
        self._peer.fail(
            "error", "unsupported value: the tests judge an object that can't cross as plain data"
        )

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __bool__ = __contains__ = __getitem__ = __hash__ = _refuse
    __str__ = __repr__ = __format__ = __int__ = __float__ = __index__ = _refuse


def number_of(item: Remote) -> int:
    """The number of a proxy's object."""
    number: int = object.__getattribute__(item, "_number")
    return number
