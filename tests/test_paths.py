"""Every stage has one path: rule -> script -> function, all of the same name. Only stages seal artifacts."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/semalign"
ROOMS = tuple(sorted(path.name for path in SOURCE.iterdir() if (path / "__init__.py").is_file()))
CALL = re.compile(r'^    run_stage\("semalign\.((\w+)[\w.]*)\.stage:(\w+)"(, online=True)?\)$', re.MULTILINE)
WORKFLOW = "\n".join(path.read_text() for path in sorted(ROOT.glob("workflow/rules/*.smk")))
BY_HAND = {
    "verify_results",
    "plan_costs",
    "pin_revisions",
    "document_config",
    "lock_versions",
    "write_results",
    "track_results",
}
# the rule of a notebook is generated: notebook_<name>, one per notebook of the study
GENERATED = {"execute_notebook"}


def stages() -> dict[str, str]:
    """Return script -> module of its stage."""
    calls = {path.stem: CALL.search(path.read_text()) for path in sorted(ROOT.glob("scripts/*.py"))}
    return {name: f"semalign.{call[1]}.stage" for name, call in calls.items() if call and call[2] in ROOMS}


def functions(tree: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]


@pytest.mark.parametrize("name", stages())
def test_a_script_is_a_docstring_and_a_call(name: str) -> None:
    text = (ROOT / f"scripts/{name}.py").read_text()
    call = CALL.search(text)
    assert call and call[3] == name
    docstring, imported, guard = ast.parse(text).body
    assert isinstance(docstring, ast.Expr)
    assert isinstance(imported, ast.ImportFrom)
    assert isinstance(guard, ast.If) and len(guard.body) == 1


@pytest.mark.parametrize("name", stages())
def test_a_stage_has_the_name_of_its_rule_and_explains_every_option(name: str) -> None:
    stage = getattr(importlib.import_module(stages()[name]), name)
    parameters = inspect.signature(stage).parameters
    assert len(parameters) <= 7
    # getdoc: from Python 3.13 on, docstrings have no indentation
    explained = re.findall(r"^    (\w+): ", inspect.getdoc(stage) or "", re.MULTILINE)
    assert explained == list(parameters)
    if name not in BY_HAND | GENERATED:
        (shell,) = re.findall(rf"^rule {name}:\n(.*?)(?=^\S|\Z)", WORKFLOW, re.MULTILINE | re.DOTALL)
        assert f"python scripts/{name}.py " in shell
    assert (f"scripts/{name}.py" in WORKFLOW) == (name not in BY_HAND)


@pytest.mark.parametrize("room", ROOMS)
def test_every_stage_of_a_room_has_its_script(room: str) -> None:
    modules = {path: ast.parse(path.read_text()) for path in (SOURCE / room).rglob("stage.py")}
    names = {function.name for tree in modules.values() for function in functions(tree)}
    assert names == {name for name, module in stages().items() if module.split(".")[1] == room}


@pytest.mark.parametrize("room", ROOMS)
def test_only_stages_seal_artifacts_and_have_the_names_of_scripts(room: str) -> None:
    for path in (SOURCE / room).rglob("*.py"):
        if path.name == "stage.py":
            continue
        text = path.read_text()
        assert not re.search(r"\bRun\(|\.seal\(|\.note\(|import Run\b", text), path
        if room == "api":  # the same science on loaded models, under the same names
            continue
        assert not {function.name for function in functions(ast.parse(text))} & set(stages()), path
