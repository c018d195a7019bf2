"""The process that holds the model's code: it answers calls and never sees tests or verdicts."""

import itertools
import os
import sys
import types
from typing import Any

from . import wire


class Objects:
    """Objects that can't cross as plain data; the other side refers to them by number."""

    def __init__(self) -> None:
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}

    def hold(self, value: Any) -> int:
        """Keep `value` and return its number; the same object always has the same number."""
        # Kept objects are never freed, so their ids are never reused.
        number = self._numbers.setdefault(id(value), len(self._objects))
        if number == len(self._objects):
            self._objects.append(value)
        return number

    def get(self, number: int) -> Any:
        """The object with this number."""
        return self._objects[number]


class Responder:
    """Answers one message at a time: the name of an operation and its operands."""

    def __init__(self, module: types.ModuleType) -> None:
        self._module = module
        self._objects = Objects()

    def answer(self, message: list[Any]) -> list[Any]:
        """Carry out one operation; an exception that the code raises is returned as its type's name and text."""
        operation, *operands = message
        try:
            return ["value", *getattr(self, f"_{operation}")(*operands)]
        except BaseException as error:
            return describe(error)

    def _encode(self, value: Any) -> Any:
        return wire.encode(value, self._objects.hold)

    def _decode(self, data: Any) -> Any:
        return wire.decode(data, self._objects.get)

    def _names(self, names: list[str]) -> list[Any]:
        values = {name: self._module.__dict__[name] for name in names if name in self._module.__dict__}
        return [self._encode(values)]

    def _call(self, number: int, arguments: Any, named: Any) -> list[Any]:
        arguments = self._decode(arguments)
        named = self._decode(named)
        result = self._objects.get(number)(*arguments, **named)
        # The arguments are returned too, as the code may have changed them in place.
        return [self._encode(result), self._encode(arguments), self._encode(named)]

    def _get(self, number: int, name: str) -> list[Any]:
        return [self._encode(getattr(self._objects.get(number), name))]

    def _set(self, number: int, name: str, value: Any) -> list[Any]:
        setattr(self._objects.get(number), name, self._decode(value))
        return [None]

    def _iterate(self, number: int) -> list[Any]:
        return [["h", self._objects.hold(iter(self._objects.get(number)))]]

    def _take(self, number: int, count: int) -> list[Any]:
        return [self._encode(list(itertools.islice(self._objects.get(number), count)))]

    def _next(self, number: int) -> list[Any]:
        return [self._encode(next(self._objects.get(number)))]


def describe(error: BaseException) -> list[Any]:
    """Type name, name of the nearest built-in type, and text of an exception."""
    kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"]
    try:
        text = str(error)[:200]
    except BaseException:
        text = ""
    return ["raised", type(error).__name__, kinds[0], text]


def load(code: str) -> types.ModuleType:
    """Run the model's code as the module `candidate`."""
    module = types.ModuleType("candidate")
    sys.modules["candidate"] = module
    exec(compile(code, "<candidate>", "exec"), module.__dict__)
    return module


def serve(channel: int, code: str, limit: int) -> None:
    """Load the code, then answer until the other side closes the channel. A message has at most `limit` bytes."""
    try:
        module = load(code)
    except BaseException as error:
        wire.send(channel, describe(error))
        return
    wire.send(channel, ["value", None])
    responder = Responder(module)
    while True:
        reply = responder.answer(wire.receive(channel, limit))
        try:
            wire.send(channel, reply)
        except (ValueError, RecursionError) as error:
            wire.send(channel, describe(error))


def run(channel: int, code: bytes, limit: int) -> None:
    """Run the whole process; it ends here and never returns to the code that forked it."""
    try:
        serve(channel, code.decode(), limit)
    finally:
        os._exit(0)
