"""The library files that a script depends on, which decide whether its results are stale."""

import ast
from pathlib import Path

import pytest

from semalign.methods.registry import METHODS
from semalign.runtime import code as library
from semalign.runtime.code import dependencies_of, digest_of, imports
from semalign.signals.semantics.registry import MAPS

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_a_script_depends_on_direct_and_indirect_imports() -> None:
    files = dependencies_of("scripts/align_states.py")
    assert {
        "scripts/align_states.py",
        "src/semalign/signals/stage.py",
        "src/semalign/signals/semantics/maps/__init__.py",
    } <= set(files)
    assert not [name for name in files if "/config/" in name or name.endswith("registry.py")]
    assert "src/semalign/statistics/tables/collect.py" not in files
    assert files == sorted(files)
    assert all((ROOT / name).is_file() for name in files)


def test_a_script_depends_on_a_method_only_if_it_is_named() -> None:
    assert "src/semalign/methods/semalign/steering.py" not in dependencies_of("scripts/transfer_knowledge.py")
    files = dependencies_of("scripts/transfer_knowledge.py", ["semalign.methods.semalign"])
    assert {"src/semalign/methods/semalign/steering.py", "src/semalign/training/losses.py"} <= set(files)


def test_a_method_depends_on_no_files_of_other_methods() -> None:
    """Otherwise an edit of one method would rerun the cells of others."""
    shared = set(dependencies_of("scripts/transfer_knowledge.py"))
    own = {
        name: set(dependencies_of("scripts/transfer_knowledge.py", [METHODS.module_of(name)]))
        for name in METHODS
    }
    methods = Path("src/semalign/methods")
    common = {str(methods / "base.py"), *map(str, methods.glob("common/*.py"))}
    # shared by prox and its control, by the reconstructions of later papers, and by the methods that displace states
    common |= {
        str(path)
        for room in ("anchored", "reconstructed")
        for path in methods.glob(f"experimental/{room}/*.py")
    }
    common |= {str(methods / f"displaced/{name}.py") for name in ("__init__", "stored", "training")}
    # the first phase of one method is the other one
    built_on = {"residual-start": "semantic-residual"}
    for name, files in own.items():
        homes = [
            Path("src", *METHODS.module_of(each).split(".")) for each in (name, built_on.get(name, name))
        ]
        at_home = {str(path) for file in homes for path in (file.with_suffix(".py"), *file.rglob("*.py"))}
        foreign = {path for path in files - shared - common - at_home if path.startswith(str(methods))}
        assert not foreign, name


def test_only_scripts_that_use_a_map_depend_on_it() -> None:
    dual = "src/semalign/signals/semantics/maps/from_bases.py"
    assert dual not in dependencies_of("scripts/align_states.py")
    assert dual in dependencies_of("scripts/align_states.py", [MAPS.module_of("dual")])
    assert dual not in dependencies_of("scripts/align_states.py", [MAPS.module_of("procrustes")])
    assert dual in dependencies_of("scripts/measure_crossing.py")
    assert dual in dependencies_of("scripts/measure_geometry.py")


def test_files_that_are_read_or_started_by_path_count_too() -> None:
    generating, judging = (dependencies_of(f"scripts/{name}_answers.py") for name in ("generate", "judge"))
    assert "src/semalign/evaluation/tasks/facts.yaml" in generating
    assert "src/semalign/evaluation/sandbox/inside/tester.py" in judging


def test_generation_does_not_depend_on_the_sandbox_nor_judging_on_models() -> None:
    generating, judging = (dependencies_of(f"scripts/{name}_answers.py") for name in ("generate", "judge"))
    assert not [name for name in generating if "/sandbox/" in name]
    assert not [name for name in judging if "/models/" in name or "language_model" in name]


def test_the_digest_depends_on_names_and_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {"a": "1", "b": "2", "c": "1"}.items():
        Path(name).write_text(text)
    before = digest_of(["a", "b"])
    assert before == digest_of(["a", "b"]) != digest_of(["c", "b"])
    Path("b").write_text("3")
    assert digest_of(["a", "b"]) != before


def test_every_kind_of_import_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_only_import_statements_are_parsed() -> None:
    text = (
        '"""from nowhere import words that\nare none"""\nimport a, b.c as d\nfrom e.f import (\n    g,  # why (so)\n'
        "    h,\n)\ndef i():\n    from j import k; import l\n"
    )
    names = set(library._imported_names(text))
    assert {"a", "b.c", "e.f", "e.f.g", "j", "j.k"} <= names


def test_the_imports_of_the_library_agree_with_its_full_syntax_trees() -> None:
    for path in Path("src").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        expected: set[str] = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module:
                expected |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                expected |= {alias.name for alias in node.names}
        assert expected <= set(library._imported_names(text)), path


def test_only_imports_that_the_stage_function_uses_are_followed() -> None:
    """Several stages share a file; an edit of the training curves, for example, must not measure models again."""
    curves, geometry = (
        dependencies_of(f"scripts/{name}.py") for name in ("collect_curves", "measure_geometry")
    )
    stage = "src/semalign/analysis/stage.py"
    assert stage in curves and stage in geometry
    assert "src/semalign/analysis/curves.py" in curves and "src/semalign/analysis/curves.py" not in geometry
    assert "src/semalign/analysis/geometry.py" in geometry and not [f for f in curves if "/models/" in f]
    scores = dependencies_of("scripts/collect_scores.py")
    assert "src/semalign/statistics/tables/benchmarks.py" in scores
    assert "src/semalign/statistics/tables/benchmarks.py" not in dependencies_of("scripts/collect_tables.py")


def test_imports_used_through_other_definitions_of_the_file_count() -> None:
    imports = "from a import one\nfrom b import two\nfrom c import three\n"
    text = imports + "X = two\ndef _h(): return X\ndef stage(): _h(); one\n"
    names = library._names_used(ast.parse(text), "stage")
    assert set(names) == {"a", "a.one", "b", "b.two"}
