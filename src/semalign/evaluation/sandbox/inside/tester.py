"""The process that runs the tests: it holds no code of the model and reports only to the judge."""

import ast
import builtins
import importlib
import json
import os
import sys
from typing import Any

from . import wire
from .remote import FORGED, Broken, Peer

_TRUSTED = {
    **dict.fromkeys(("Counter", "OrderedDict", "defaultdict", "deque"), "collections"),
    **dict.fromkeys(("date", "timedelta"), "datetime"),
    "Decimal": "decimal",
    "Fraction": "fractions",
}
"""Standard classes that tests use without importing them; they are never taken from the candidate."""


class Names(ast.NodeVisitor):
    """The names that tests use; `free` are those they don't bind."""

    def __init__(self, tests: list[str]) -> None:
        self.used: set[str] = set()
        self._bases: set[str] = set()
        self._bound: set[str] = set()
        for test in tests:
            self.visit(ast.parse(test))
        self.free = self.used - self._bound

    def visit_Name(self, node: ast.Name) -> None:
        """Note a use or a binding."""
        (self.used if isinstance(node.ctx, ast.Load) else self._bound).add(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Treat the name of a standard module before a dot as the tester's own module."""
        base = node.value
        if isinstance(base, ast.Name) and base.id in sys.stdlib_module_names:
            self._bases.add(base.id)
        else:
            self.visit(base)

    def visit_arg(self, node: ast.arg) -> None:
        """Note that a parameter binds its name."""
        self._bound.add(node.arg)

    def visit_alias(self, node: ast.alias) -> None:
        """Note that an import binds its name."""
        self._bound.add((node.asname or node.name).split(".")[0])

    def _visit_definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self._bound.add(node.name)
        self.generic_visit(node)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _visit_definition

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        """Note that `except ... as name` binds the name."""
        if node.name:
            self._bound.add(node.name)
        self.generic_visit(node)

    def modules(self) -> set[str]:
        """Standard modules that the tests use without importing them."""
        return self._bases - self._bound - self.free

    def wanted(self, entry_point: str | None) -> list[str]:
        """The names that the candidate must provide.

        A built-in's name refers to the built-in, so that a candidate can't change what `abs` or `len` means in
        the tests. But a task may ask for a function of such a name: this is the entry point or, if none is given
        and the tests use no other free name, every name that they use.
        """
        free = {name for name in self.free if name not in _TRUSTED}
        own = {name for name in free if not hasattr(builtins, name)}
        if entry_point:
            own.add(entry_point)
        return sorted(own or free)


def namespace(peer: Peer, names: Names, entry_point: str | None) -> dict[str, Any]:
    """The globals of the tests."""
    trusted: dict[str, Any] = {name: importlib.import_module(name) for name in sorted(names.modules())}
    for name in sorted(names.free & set(_TRUSTED)):
        trusted[name] = getattr(importlib.import_module(_TRUSTED[name]), name)
    wanted = names.wanted(entry_point)
    provided = peer.decode(peer.ask("names", wanted))
    if type(provided) is not dict or not set(provided) <= set(wanted):
        peer.fail("forged", FORGED)
    return {"__name__": "tests", **trusted, **provided}


def outcome(channel: int, limit: int, tests: list[str], entry_point: str | None) -> tuple[str, str]:
    """Run the tests; returns status and detail."""
    try:
        names = Names(tests)
    except (SyntaxError, ValueError, RecursionError) as error:
        return "error", f"the tests can't be read: {error}"
    peer = Peer(channel, limit)
    place = "while loading"
    try:
        peer.reply()
        place = "before the tests"
        scope = namespace(peer, names, entry_point)
        for index, test in enumerate(tests):
            place = f"in test {index + 1}"
            exec(compile(test, f"<test {index + 1}>", "exec"), scope)
    except Broken:
        pass
    except MemoryError:
        return "memory", f"MemoryError {place}"
    except BaseException as error:
        if not peer.broken:
            return "failed", f"{type(error).__name__} {place}: {error}"
    if peer.broken:
        return peer.broken.status, peer.broken.detail
    if not peer.calls:
        return "error", "the tests never called the program"
    return "passed", ""


def run(control: int, channel: int, job: bytes, limit: int) -> None:
    """Run the whole process; its report carries the judge's token, which the candidate never sees."""
    try:
        task = json.loads(job)
        status, detail = outcome(channel, limit, task["tests"], task["entry_point"])
        detail = "".join(letter if letter.isprintable() else " " for letter in detail)[:300]
        wire.send(control, {"token": task["token"], "status": status, "detail": detail})
    finally:
        os._exit(0)
