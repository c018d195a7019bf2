"""A file that removes benchmarks or methods of the file that it extends also removes what is only about them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from semalign.config.extending import Config, config_of
from semalign.runtime.errors import UserError
from semalign.study.definition import study_of
from semalign.study.preflight import checked

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def extending(**changes: Any) -> Config:
    return config_of({"extends": "config/config.yaml", **changes})


def default() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(Path("config/config.yaml").read_text(encoding="utf-8"))
    return data


MINE = {
    "benchmarks": {"mine": {"path": "config/examples/questions.jsonl"}},
    "pairs": {"tiny": {"benchmarks": ["mine"]}},
}


def test_other_data_takes_the_ladder_and_analyses_along() -> None:
    config = extending(**MINE, methods={"laten": None})  # wants more examples than this file has
    study = study_of(config)
    rungs = default()["analysis"]["ladder"]["rungs"]
    assert not set(rungs) & set(study.methods) and rungs
    assert {f"methods.{name}" for name in rungs} | {"analysis.ladder", "analysis.similarity"} <= set(
        config.left_out
    )
    assert {"semalign", "sft", "semantic-residual", "student"} <= set(study.methods)
    assert not study.analysis.geometry.benchmark and study.analysis.decomposition.models
    _, measures = checked(study)
    assert measures.layout.cells


def test_a_removed_benchmark_that_others_still_use_takes_nothing_along() -> None:
    config = extending(benchmarks={"facts": None})
    assert config.left_out == ()
    assert study_of(config).analysis.ladder.rungs == default()["analysis"]["ladder"]["rungs"]


def test_no_analyses_at_all_leave_no_rungs_and_no_notebook_of_them() -> None:
    config = extending(analysis=None)
    study = study_of(config)
    assert not any(settings.rung for settings in study.methods.values())
    assert "decomposition" not in study.notebooks and "notebook decomposition" in config.left_out
    checked(study)


def test_a_removed_method_takes_its_contrasts_axes_and_analyses_along() -> None:
    config = extending(methods={"semantic-residual": None, "distill-logits": None})
    study = study_of(config)
    assert study.contrasts == [] and "contrasts [semantic-residual, sft]" in config.left_out
    assert not study.ablations.axes and study.analysis.similarity.methods == ["sft"]
    assert not study.analysis.displacement.benchmark
    assert study.analysis.ladder.rungs == default()["analysis"]["ladder"]["rungs"]


def test_a_removed_rung_leaves_the_ladder() -> None:
    study = study_of(extending(methods={"target-oracle": None}))
    assert study.analysis.ladder.rungs == default()["analysis"]["ladder"]["rungs"][:-1]


def test_axes_belong_to_the_method_that_is_varied() -> None:
    study = study_of(extending(ablations={"method": "semalign", "axes": {"alignment.map": ["random"]}}))
    assert study.ablations.axes == {"alignment.map": ["random"]}


def test_what_the_file_says_itself_is_checked_and_not_left_out() -> None:
    wrong = {"contrasts": [["laten", "sft"]], "analysis": {"geometry": {"benchmark": "completion"}}}
    config = extending(methods={"laten": None}, benchmarks={"completion": None}, **wrong)
    with pytest.raises(UserError) as caught:
        study_of(config)
    told = "\n".join(caught.value.lines)
    assert "contrasts[0]: found 'laten'" in told and "analysis.geometry.benchmark: found 'completion'" in told
    assert "target-" not in told


@pytest.mark.parametrize("search", [None, {"learning_rates": []}], ids=["removed", "empty"])
def test_no_search_leaves_nothing_that_is_said_of_it(search: dict[str, Any] | None) -> None:
    config = extending(search=search)
    study = study_of(config)
    assert not study.search.learning_rates and study.search.widen == 0
    assert all(settings.searched for settings in study.methods.values())
    assert "methods.target-oracle.searched" in config.left_out
    checked(study)


def test_what_a_file_says_of_a_search_that_it_removes_is_checked() -> None:
    with pytest.raises(UserError, match=r"search\.widen: found 2, expected 0"):
        study_of(extending(search={"learning_rates": [], "widen": 2}))


def test_a_misspelt_rung_removes_no_method() -> None:
    config = extending(analysis={"ladder": {"rungs": ["semantic-residual", "target-oracl"]}})
    assert config.left_out == ()


def test_one_line_names_what_was_left_out(caplog: pytest.LogCaptureFixture) -> None:
    extending(seeds=[0]).warn()
    assert not caplog.messages
    extending(methods={"laten": None, "target-oracle": None, "distill-logits": None}).warn()
    (line,) = caplog.messages
    assert line.startswith("config: left out, since what they are about is gone: ") and "\n" not in line
    assert "contrasts [distill-logits, sft]" in line and "analysis.displacement" in line


@pytest.mark.parametrize(
    "changes",
    [
        {"benchmarks": None, "methods": []},
        {"analysis": 3, "contrasts": {"a": 1}},
        {"ablations": [1], "methods": {"sft": None}},
        {"pairs": {"tiny": {"benchmarks": [["x"], 2]}}},
    ],
    ids=["list-of-methods", "number", "list-of-axes", "odd-names"],
)
def test_a_file_that_is_wrong_is_still_reported_in_lines(changes: dict[str, Any]) -> None:
    with pytest.raises(UserError) as caught:
        study_of(extending(**changes))
    assert caught.value.lines and all("\n" not in line for line in caught.value.lines)
