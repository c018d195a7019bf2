"""Registries of functions that the files of a package register, read without importing those files.

A file registers a function with a decorator whose name, title and other facts are literals:

    @method("seeking", title="Seeking", paper="arXiv:2310.11451", settings=Seeking)
    def transfer(task: TransferTask[Seeking], folder: Path) -> TransferReport: ...

The facts are read from the syntax tree, because Snakemake needs them each time it parses the workflow and must not
load torch for that. The function itself is imported when it is used. A decorator that is imported under another name
is not recognised.
"""

import ast
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, TypeVar

from semalign.runtime.errors import UserError
from semalign.runtime.suggestions import one_of

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """A registered function.

    `attribute` is the name of the function in `module`, `facts` the literal arguments of the decorator other than name
    and title. `summary` is the first line of the file's docstring, or of the function's docstring if the file
    registers several.
    """

    name: str
    title: str
    summary: str
    module: str
    attribute: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class Registry(Mapping[str, Entry], Generic[T]):
    """Mapping of name -> entry, of all functions that the files of `package` register with `decorator`.

    Error messages call a name a `kind`. Files are searched once, at the first look-up.
    """

    def __init__(self, kind: str, package: str, decorator: str) -> None:
        self.kind = kind
        self.package = package
        self.decorator = decorator

    def load(self, name: str) -> T:
        """Import the function that is registered under a name. Raises UserError for an unknown name."""
        entry = self.entry(name)
        function: T = getattr(importlib.import_module(entry.module), entry.attribute)
        return function

    def module_of(self, name: str) -> str:
        """Return the module that registers a name. Raises UserError for an unknown name."""
        return self.entry(name).module

    def entry(self, name: str) -> Entry:
        """Return the entry of a name. Raises UserError, which lists the known names, for an unknown one."""
        if name not in self._entries:
            raise UserError(f"{self.kind}: found {name!r}, expected {one_of(name, self._entries)}")
        return self._entries[name]

    def named(self, **facts: Any) -> dict[str, Entry]:
        """Return the entries that have all of these facts, in registry order."""
        wanted = facts.items()
        return {name: entry for name, entry in self.items() if wanted <= entry.facts.items()}

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        """All entries, sorted by file path, and within a file from top to bottom."""
        entries: dict[str, Entry] = {}
        for path, module in _files(self.package):
            tree = self._tree(path)
            for entry in _registered(tree, module, self.decorator) if tree else ():
                if entry.name in entries:
                    raise UserError(
                        f"{self.kind} {entry.name!r}: found in {entries[entry.name].module} and in {module}, "
                        "expected in one file only"
                    )
                entries[entry.name] = entry
        return entries

    def _tree(self, path: Path) -> ast.Module | None:
        """Return the syntax tree of a file if it may register something. Raises UserError if it is not valid Python."""
        try:
            text = path.read_text(encoding="utf-8")
            # parsing takes longer than reading, so files without the decorator are not parsed
            return ast.parse(text, str(path)) if f"{self.decorator}(" in text else None
        except SyntaxError as error:
            raise UserError(f"{path}: line {error.lineno}: {error.msg}; expected a file of Python") from None
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: not UTF-8 ({error.reason}), expected a file of Python") from None


def _files(package: str) -> Iterator[tuple[Path, str]]:
    """Yield (file, module) for a package and all its subpackages, without importing them."""
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield path, ".".join([package, *(part for part in parts if part != "__init__")])


def _registered(tree: ast.Module, module: str, decorator: str) -> list[Entry]:
    """Return the entries that one file registers."""
    calls = [
        (function, call)
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
        for call in function.decorator_list
        if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] == decorator
    ]
    entries = []
    for function, call in calls:
        facts = {key.arg: _literal(key.value) for key in call.keywords if key.arg}
        facts = {key: value for key, value in facts.items() if value is not None}
        name = _literal(call.args[0]) if call.args else None
        if not isinstance(name, str):
            raise UserError(f"{module}: line {call.lineno}: found @{decorator} without a name in quotes")
        described = tree if len(calls) == 1 else function
        summary = (ast.get_docstring(described) or "").partition("\n")[0]
        title = str(facts.pop("title", name))
        entries.append(Entry(name, title, summary, module, function.name, facts))
    return entries


def _literal(node: ast.expr) -> Any:
    """Return the value of a literal, or None for anything else, such as a settings class."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
