"""Config files that contain only the differences from another one."""

from pathlib import Path

import pytest

from semalign.config.extending import extended, merged
from semalign.runtime.errors import UserError
from semalign.study.definition import load_study

ROOT = Path(__file__).parents[3]


def test_sections_are_merged_at_every_depth_and_null_removes_a_key() -> None:
    below = {"a": {"x": 1, "y": [1, 2]}, "b": 2, "c": 3}
    assert merged(below, {"a": {"y": [3]}, "c": None, "d": 4}) == {"a": {"x": 1, "y": [3]}, "b": 2, "d": 4}
    assert below == {"a": {"x": 1, "y": [1, 2]}, "b": 2, "c": 3}


def test_the_full_study_extends_the_default_study(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    default, full = load_study("config/config.yaml"), load_study("config/tiny-full.yaml")
    assert full.models == default.models
    assert full.benchmarks.items() > default.benchmarks.items()
    assert full.benchmarks["mixture"].parts == list(default.benchmarks)
    assert set(default.methods) < set(full.methods)
    assert len(full.seeds) == 5


def test_a_circle_and_a_missing_file_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text("extends: b.yaml")
    Path("b.yaml").write_text("extends: a.yaml")
    with pytest.raises(UserError, match=r"found the circle a\.yaml -> b\.yaml -> a\.yaml"):
        extended({"extends": "a.yaml"})
    with pytest.raises(UserError, match=r"c\.yaml: no such config file"):
        extended({"extends": "c.yaml"})
    with pytest.raises(UserError, match="expected the path of a config file"):
        extended({"extends": 1})
