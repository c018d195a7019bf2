"""Every test asserts something, directly or through a helper."""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FILES = {path.stem: path for path in TESTS.rglob("*.py") if path.name != "__init__.py"}
BY_PYTEST = {"raises", "fail", "warns"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def functions(path: Path) -> dict[str, Function]:
    """Return name -> function, for all functions and methods of a file, including nested ones."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in ast.walk(tree) if isinstance(node, Function)}


@cache
def imports(path: Path) -> dict[str, Path]:
    """Return imported name -> the file under tests that it comes from."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module in FILES]
    return {alias.name: FILES[str(node.module)] for node in froms for alias in node.names}


def asserts(function: Function, path: Path, seen: frozenset[str] = frozenset()) -> bool:
    """Return whether a function has an assertion, or calls a function that has one."""
    if any(isinstance(node, ast.Assert) for node in ast.walk(function)):
        return True
    calls = {_name(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
    if any(name in BY_PYTEST or name.startswith("assert_") for name in calls):
        return True
    return any(_helper_asserts(name, path, seen | {name}) for name in calls - seen)


def _name(node: ast.expr) -> str:
    """Return the last part of a called name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _helper_asserts(name: str, path: Path, seen: frozenset[str]) -> bool:
    home = path if name in functions(path) else imports(path).get(name)
    return bool(home and name in functions(home) and asserts(functions(home)[name], home, seen))


@pytest.mark.parametrize("path", sorted(TESTS.rglob("test_*.py")), ids=lambda path: path.stem)
def test_every_test_asserts_something(path: Path) -> None:
    tests = [function for name, function in functions(path).items() if name.startswith("test_")]
    assert tests, "a test file without tests"
    assert [test.name for test in tests if not asserts(test, path)] == []


def test_a_test_without_an_assertion_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "test_sample.py"
    path.write_text("def helper(): assert 1\ndef test_good(): helper()\ndef test_idle(): print(1)\n")
    samples = functions(path)
    assert [asserts(samples[name], path) for name in ("test_good", "test_idle")] == [True, False]
