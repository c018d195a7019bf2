"""Which files stand behind a script: what decides whether a result is stale."""

import ast
from pathlib import Path

import pytest

from semalign.methods.registry import METHODS
from semalign.runtime import code as library
from semalign.runtime.code import behind, digest_of, imports
from semalign.signals.semantics.registry import MAPS

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_a_script_stands_on_what_it_imports_directly_or_not() -> None:
    files = behind("scripts/align_states.py")
    assert {
        "scripts/align_states.py",
        "src/semalign/signals/stage.py",
        "src/semalign/signals/semantics/maps/__init__.py",
    } <= set(files)
    assert not [name for name in files if "/config/" in name or name.endswith("registry.py")]
    assert "src/semalign/statistics/tables/collect.py" not in files
    assert files == sorted(files)
    assert all((ROOT / name).is_file() for name in files)


def test_methods_are_behind_a_script_only_where_they_are_named() -> None:
    assert "src/semalign/methods/semalign/steering.py" not in behind("scripts/transfer_knowledge.py")
    named = behind("scripts/transfer_knowledge.py", ["semalign.methods.semalign"])
    assert {"src/semalign/methods/semalign/steering.py", "src/semalign/training/losses.py"} <= set(named)


def test_a_method_stands_on_no_other_methods_files() -> None:
    """An edit of one method leaves the others' cells as they are."""
    shared = set(behind("scripts/transfer_knowledge.py"))
    own = {name: set(behind("scripts/transfer_knowledge.py", [METHODS.module_of(name)])) for name in METHODS}
    methods = Path("src/semalign/methods")
    common = {str(methods / "base.py"), *map(str, methods.glob("common/*.py"))}
    common |= set(map(str, methods.glob("experimental/anchored/*.py")))  # of prox and its control
    for name, files in own.items():
        file = Path("src", *METHODS.module_of(name).split("."))
        at_home = {str(file.with_suffix(".py")), *map(str, file.rglob("*.py"))}
        strangers = {path for path in files - shared - common - at_home if path.startswith(str(methods))}
        assert not strangers, name


def test_a_map_stands_behind_what_uses_it() -> None:
    dual = "src/semalign/signals/semantics/maps/from_bases.py"
    assert dual not in behind("scripts/align_states.py")
    assert dual in behind("scripts/align_states.py", [MAPS.module_of("dual")])
    assert dual not in behind("scripts/align_states.py", [MAPS.module_of("procrustes")])
    assert dual in behind("scripts/measure_crossing.py")
    assert dual in behind("scripts/measure_geometry.py")


def test_what_is_read_or_started_by_its_path_counts_too() -> None:
    generating, judging = (behind(f"scripts/{name}_answers.py") for name in ("generate", "judge"))
    assert "src/semalign/evaluation/tasks/facts.yaml" in generating
    assert "src/semalign/evaluation/sandbox/inside/tester.py" in judging


def test_generation_stands_on_no_sandbox_and_judging_on_no_model() -> None:
    generating, judging = (behind(f"scripts/{name}_answers.py") for name in ("generate", "judge"))
    assert not [name for name in generating if "/sandbox/" in name]
    assert not [name for name in judging if "/models/" in name or "language_model" in name]


def test_the_digest_follows_names_and_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {"a": "1", "b": "2", "c": "1"}.items():
        Path(name).write_text(text)
    before = digest_of(["a", "b"])
    assert before == digest_of(["a", "b"]) != digest_of(["c", "b"])
    Path("b").write_text("3")
    assert digest_of(["a", "b"]) != before


def test_every_way_to_import_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    package = Path("src/own")
    (package / "inner").mkdir(parents=True)
    for name in ("one", "two", "inner/__init__", "inner/three"):
        (package / f"{name}.py").write_text("")
    script = Path("job.py")
    script.write_text(
        "import numpy\nimport own.one\nfrom own import two\ndef late():\n    from own.inner.three import x\n"
    )
    assert {str(path) for path in imports(script)} == {
        "src/own/one.py",
        "src/own/two.py",
        "src/own/inner/three.py",
    }


def test_imports_are_read_off_their_statements_alone() -> None:
    text = (
        '"""from nowhere import words that\nare none"""\nimport a, b.c as d\nfrom e.f import (\n    g,  # why (so)\n'
        "    h,\n)\ndef i():\n    from j import k; import l\n"
    )
    names = set(library._imported_names(text))
    assert {"a", "b.c", "e.f", "e.f.g", "j", "j.k"} <= names


def test_the_librarys_imports_are_those_of_the_whole_syntax_tree() -> None:
    for path in Path("src").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        expected: set[str] = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module:
                expected |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                expected |= {alias.name for alias in node.names}
        assert expected <= set(library._imported_names(text)), path


def test_of_a_stages_file_only_what_its_function_uses_is_followed() -> None:
    """Stages share a file: an edit of the training curves must not measure models again."""
    curves, geometry = (behind(f"scripts/{name}.py") for name in ("collect_curves", "measure_geometry"))
    stage = "src/semalign/analysis/stage.py"
    assert stage in curves and stage in geometry
    assert "src/semalign/analysis/curves.py" in curves and "src/semalign/analysis/curves.py" not in geometry
    assert "src/semalign/analysis/geometry.py" in geometry and not [f for f in curves if "/models/" in f]
    scores = behind("scripts/collect_scores.py")
    assert "src/semalign/statistics/tables/benchmarks.py" in scores
    assert "src/semalign/statistics/tables/benchmarks.py" not in behind("scripts/collect_tables.py")


def test_what_a_stage_uses_by_other_definitions_of_its_file_counts() -> None:
    imports = "from a import one\nfrom b import two\nfrom c import three\n"
    text = imports + "X = two\ndef _h(): return X\ndef stage(): _h(); one\n"
    names = library._names_used(ast.parse(text), "stage")
    assert set(names) == {"a", "a.one", "b", "b.two"}
