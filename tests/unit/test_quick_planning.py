"""The shortcuts at planning find what Snakemake's own code finds."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from semalign import library
from semalign.quick_planning import _by_folder, _folder, _once

PATTERNS = {
    "cell": "results/{study,tiny}/cells/{pair}/run.json",
    "table": "results/{study}/tables/{table}.csv",
    "any": "{anything}/run.json",
    "fixed": "results/tiny/cells/list.json",
}
TARGETS = (
    "results/tiny/cells/a/run.json",
    "results/tiny/tables/main.csv",
    "results/tiny/cells/list.json",
    "x/y",
)


class Product(str):
    @property
    def file(self) -> str:
        return str(self)

    def constant_prefix(self) -> str:
        return self.partition("{")[0]

    def constant_suffix(self) -> str:
        return self.rpartition("}")[2]


def rule(name: str) -> Any:
    return SimpleNamespace(name=name, products=lambda: [Product(PATTERNS[name])])


class Slow:
    """All rules whose pattern could be the target's."""

    def match(self, rules: list[Any], target: str) -> set[str]:
        shapes = {name: re.sub(r"\{[^}]*\}", ".+", pattern) for name, pattern in PATTERNS.items()}
        return {rule.name for rule in rules if re.fullmatch(shapes[rule.name], target)}


@pytest.mark.parametrize("target", TARGETS)
def test_every_producer_is_among_those_looked_at(target: str) -> None:
    class Plain:
        pass

    rules = [rule(name) for name in PATTERNS]
    hashable = [type("Rule", (), {"name": r.name, "products": staticmethod(r.products)})() for r in rules]
    found = {rule.name for rule in _by_folder(Plain)(hashable).match(target)}
    assert found >= Slow().match(hashable, target)


def test_a_folder_is_told_only_where_it_is_certain() -> None:
    assert _folder("results/tiny/cells/a") == "cells"
    assert _folder("results/{study}/cells/{pair}") == "cells"
    assert _folder("results/{study}/{kind}/x") is None
    assert _folder("results/{study}-x{y}/z/{pair}") in (None, "z")
    assert _folder("elsewhere/tiny/cells/a") is None


def test_parameters_are_asked_for_once() -> None:
    asked: list[Any] = []
    ask = _once(lambda function: asked.append(function) or ("wildcards",))
    assert ask(len) == ask(len) == ("wildcards",) and asked == [len]
    assert ask([]) == ("wildcards",)


def test_imports_are_read_off_their_statements_alone() -> None:
    text = (
        '"""from nowhere import words that\nare none"""\nimport a, b.c as d\nfrom e.f import (\n    g,  # why (so)\n'
        "    h,\n)\ndef i():\n    from j import k; import l\n"
    )
    names = set(library._imported_names(text))
    assert {"a", "b.c", "e.f", "e.f.g", "j", "j.k"} <= names


def test_the_librarys_imports_are_those_of_the_whole_syntax_tree() -> None:
    import ast

    for path in Path("src").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        expected: set[str] = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module:
                expected |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                expected |= {alias.name for alias in node.names}
        assert expected <= set(library._imported_names(text)), path
