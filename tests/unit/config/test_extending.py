"""Config files that contain only the differences from another one."""

from pathlib import Path

import pytest

from semalign.config.extending import Config, config_of, extended, merged, read_config
from semalign.runtime.errors import UserError
from semalign.study.definition import load_study, study_of

ROOT = Path(__file__).parents[3]


def test_sections_are_merged_at_every_depth_and_null_removes_a_key() -> None:
    below = {"a": {"x": 1, "y": [1, 2]}, "b": 2, "c": 3}
    assert merged(below, {"a": {"y": [3]}, "c": None, "d": 4}) == {"a": {"x": 1, "y": [3]}, "b": 2, "d": 4}
    assert below == {"a": {"x": 1, "y": [1, 2]}, "b": 2, "c": 3}


def test_null_for_a_key_that_is_not_there_is_a_value() -> None:
    assert merged({"methods": {"sft": {}}}, {"methods": {"pissa": None}}) == {
        "methods": {"sft": {}, "pissa": None}
    }


def test_null_that_means_something_else_than_the_default_is_a_value() -> None:
    assert merged({"healing": {"tokens": 4}}, {"healing": None}) == {"healing": None}
    assert merged({"epochs": 5}, {"epochs": None}) == {"epochs": None}
    assert merged({"epochs": 5}, {"epochs": None, "steps": 3}) == {"steps": 3}


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
    with pytest.raises(
        UserError, match=r"config: extends: found no c\.yaml, expected a path relative to the working"
    ):
        extended({"extends": "c.yaml"})
    with pytest.raises(UserError, match="expected the path of a config file"):
        extended({"extends": 1})


def test_a_missing_base_next_to_the_file_is_pointed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own").mkdir()
    Path("own/base.yaml").write_text("study: s")
    Path("own/a.yaml").write_text("extends: base.yaml")
    with pytest.raises(
        UserError, match=r"own/a\.yaml: extends: found no base\.yaml, .* \(there is own/base\.yaml\)"
    ):
        read_config(["own/a.yaml"])


def test_every_file_of_a_chain_is_read_strictly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("base.yaml").write_text("study: s\nseeds: [1]\nseeds: [2]\n")
    Path("a.yaml").write_text("extends: base.yaml\n")
    with pytest.raises(UserError, match=r"base\.yaml: line 3: found key 'seeds' twice, first in line 2"):
        read_config(["a.yaml"])


def test_a_problem_names_the_strongest_file_that_has_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("base.yaml").write_text(
        "study: s\nstatistics: {alpha: 7}\nseeds: [-1]\nmethods: {sft: {layer: all}}\n"
    )
    Path("own.yaml").write_text("extends: base.yaml\nseeds: [a]\n")
    with pytest.raises(UserError) as error:
        study_of(read_config(["own.yaml"], {"devise": "cpu", "methods": {"semaling": {}}}))
    names = {line.split(": ")[1]: line.split(": ")[0] for line in error.value.lines}
    assert names == {
        "statistics.alpha": "base.yaml",
        "seeds[0]": "own.yaml",
        "methods.sft.layer": "base.yaml",
        "methods.semaling": "--config",
        "devise": "--config",
    }


def test_names_with_dots_are_found_in_their_file() -> None:
    config = config_of({"models": {"qwen3-1.7b": {"path": 1}, "qwen3-1": {}}}, "x.yaml")
    assert config.name("models.qwen3-1.7b.path: found 1") == "x.yaml: models.qwen3-1.7b.path: found 1"
    assert config.name("data/rows.jsonl: row 3: found 1") == "data/rows.jsonl: row 3: found 1"


def test_a_dotted_key_is_named_with_the_file_that_has_it() -> None:
    config = Config({}, (("a.yaml", {"methods": {"sft": {}}}), ("b.yaml", {"methods.sft.layers": "all"})))
    assert config.name("methods.sft.layers: unknown key") == "b.yaml: methods.sft.layers: unknown key"
    assert config.name("methods.sft: found 3") == "a.yaml: methods.sft: found 3"
