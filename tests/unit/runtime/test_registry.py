"""Registries know what files announce without importing them, and a new entry needs only one new file."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from semalign.benchmarks.registry import BENCHMARKS, PUBLISHED
from semalign.methods.registry import METHODS
from semalign.report.figures.registry import FIGURES
from semalign.runtime.errors import UserError
from semalign.runtime.registry import Entry, Registry
from semalign.signals.semantics.registry import MAPS

FILE = '''"""A tool that digs."""
import somewhere_else  # would fail if it were imported

def tool(name, **facts):
    return lambda function: function

@tool("spade", title="Spade", weight=3, made_of=int)
def dig():
    """Dig."""
'''
TWO = '''"""Two tools."""

def tool(name):
    return lambda function: function

@tool("saw")
def cut():
    """Cut wood.

    And more.
    """
    return "cut"

@tool("axe")
def split():
    """Split wood."""
    return "split"
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `tools_<name of the folder>`; the name is unique because Python caches imports."""
    folder = tmp_path / f"tools_{tmp_path.name}"
    (folder / "inner").mkdir(parents=True)
    for name in ("__init__", "inner/__init__"):
        (folder / f"{name}.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def registry(package: Path) -> Registry:
    return Registry("tool", package.name, "tool")


def test_facts_are_read_without_an_import(package: Path) -> None:
    (package / "inner" / "spade.py").write_text(FILE)
    tools = registry(package)
    module = f"{package.name}.inner.spade"
    assert dict(tools) == {
        "spade": Entry("spade", "Spade", "A tool that digs.", module, "dig", {"weight": 3})
    }
    assert tools.module_of("spade") == module and module not in sys.modules
    assert list(tools.named(weight=3)) == ["spade"] and not tools.named(weight=4)


def test_several_entries_of_one_file_are_summarised_by_their_functions(package: Path) -> None:
    (package / "inner" / "__init__.py").write_text(TWO)
    tools = registry(package)
    assert {name: entry.summary for name, entry in tools.items()} == {
        "saw": "Cut wood.",
        "axe": "Split wood.",
    }
    assert tools.load("axe")() == "split"


def test_a_duplicate_or_unknown_name_is_reported_in_one_line(package: Path) -> None:
    for name in ("a", "b"):
        (package / f"{name}.py").write_text(FILE)
    twice = f"tool 'spade': found in {package.name}.a and in {package.name}.b, expected in one file only"
    with pytest.raises(UserError, match=twice):
        len(registry(package))
    (package / "b.py").unlink()
    with pytest.raises(UserError, match="tool: found 'spoon', expected one of spade"):
        registry(package).load("spoon")


def test_a_name_that_is_not_a_literal_is_refused(package: Path) -> None:
    (package / "a.py").write_text("NAME = 'x'\n\n@tool(NAME)\ndef dig():\n    pass\n")
    with pytest.raises(UserError, match=r"a: line 3: found @tool without a name in quotes"):
        len(registry(package))


def test_a_decorator_may_be_an_attribute(package: Path) -> None:
    (package / "spade.py").write_text(FILE.replace("@tool(", "@here.tool("))
    assert list(registry(package)) == ["spade"]


def test_an_unreadable_file_is_reported_in_one_line(package: Path) -> None:
    (package / "bad.py").write_text('@tool("bad")\ndef f(:\n')
    with pytest.raises(UserError, match=r"bad\.py: line 2: .*expected a file of Python"):
        list(registry(package))
    (package / "bad.py").write_bytes('@tool("ü")'.encode("latin-1"))
    with pytest.raises(UserError, match=r"bad\.py: not UTF-8"):
        list(registry(package))


@pytest.mark.parametrize("known", [METHODS, MAPS, BENCHMARKS, PUBLISHED, FIGURES])
def test_every_entry_loads_and_has_a_summary(known: Registry) -> None:
    assert len(known) > 3
    for name, entry in known.items():
        assert entry.title and entry.summary.endswith((".", ":", "?")), name
        assert callable(known.load(name))


METHOD = '''"""Squared differences of the student's logits from the teacher's."""
from pathlib import Path
from typing import Literal

from semalign.config.methods import Adapted
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.registry import method


class Temporary(Adapted):
    """Only for a test."""

    method: Literal["temporary"] = "temporary"
    strength: float = 2.0


@method("temporary", title="Temporary", settings=Temporary)
def transfer(task: TransferTask[Temporary], folder: Path) -> TransferReport:
    """Do nothing."""
    return TransferReport(teacher_passes=int(task.settings.strength))
'''
MAP = '''"""Twice the identity."""
import torch

from semalign.signals.semantics.registry import semantic_map


@semantic_map("twice", title="Twice", made_of="heads")
def twice(teacher, student, shared, fold, seed):
    """Twice the first channels."""
    return 2 * torch.eye(student.weight.shape[1], teacher.weight.shape[1], dtype=torch.float64)
'''
BENCHMARK = '''"""Letters."""
from semalign.benchmarks.embedded import draw_splits
from semalign.benchmarks.registry import embedded


@embedded("letters", title="Letters")
def build(settings):
    """All splits."""
    return {}
'''
FIGURE = '''"""A dot."""
from semalign.report.figures.registry import figure


@figure("dot", title="Dot", tables=("main",))
def draw(tables):
    """Draw nothing."""
    return len(tables["main"])
'''
PLACES = {
    "methods/temporary.py": METHOD,
    "signals/semantics/maps/twice.py": MAP,
    "benchmarks/letters.py": BENCHMARK,
    "evaluation/tasks/letters.yaml": "include: facts.yaml\ntask: letters\n",
    "report/figures/dot.py": FIGURE,
}
USE = """
from pathlib import Path
from semalign.methods.base import TransferTask
from semalign.methods.registry import METHODS
from semalign.report.figures.registry import draw
from semalign.study.definition import parse_study
from semalign.study.listing import lines_of
from semalign.study.preflight import check_study
from semalign.study.variants import resolve
import yaml

data = yaml.safe_load(Path("config/config.yaml").read_text())
data["methods"]["temporary"] = {"strength": 3}
data["alignment"] = {"map": "twice"}
data["benchmarks"]["letters"] = {}
study = parse_study(data)
check_study(study)
settings, signals = resolve(study, "temporary", "default")
assert settings.strength == 3 and signals.alignment.map == "twice" and settings.needs == ("pairing",)
task = TransferTask(Path(), Path(), Path(), {}, settings, 0, Path())
assert METHODS.load("temporary")(task, Path()).teacher_passes == 3
assert draw("dot", {"main": [1, 2]}) == 2
for kind, name in {"methods": "temporary", "maps": "twice", "benchmarks": "letters", "figures": "dot"}.items():
    assert any(line.startswith(name + " ") for line in lines_of(["list", kind])), kind
"""


def test_one_file_is_enough_for_a_method_a_map_a_benchmark_and_a_figure(tmp_path: Path) -> None:
    """Files are added to a copy of the package, as a user would add them."""
    root = Path(__file__).parents[3]
    copy = tmp_path / "semalign"
    shutil.copytree(root / "src/semalign", copy, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in PLACES.items():
        (copy / name).write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [
        sys.executable,
        "-c",
        f"import semalign\nassert semalign.__file__.startswith({str(copy)!r})\n{USE}",
    ]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_config_is_parsed_without_torch() -> None:
    code = (
        "import sys; from semalign.study.definition import load_study;"
        "from semalign.study.preflight import check_study;"
        "from semalign.study.layout import Layout; study = load_study('config/config.yaml'); check_study(study);"
        "Layout(study); heavy = {'torch', 'transformers', 'peft', 'numpy', 'pandas', 'matplotlib'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3]).returncode == 0
