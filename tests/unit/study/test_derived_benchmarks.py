"""A study with derived benchmarks: what is planned and checked, and which sections are refused."""

from pathlib import Path
from typing import Any

import pytest

from semalign.runtime.errors import UserError
from semalign.study.checks import readers_of
from semalign.study.definition import Study, parse_study
from semalign.study.layout import Layout
from semalign.study.planning import work
from semalign.study.planning.study import Plan
from semalign.study.preflight import check_study
from semalign.study.sizes import problems_of, size_of

SIZES = {"train": 24, "extract": 4, "align": 4, "validation": 4, "test": 12}
BENCHMARKS: dict[str, Any] = {
    "facts": SIZES,
    "completion": SIZES,
    "both": {"parts": ["facts", "completion"]},
    "wrong": {"of": "both", "corrupted": 0.5},
    "unlabeled": {"of": "completion", "answered_by": "big"},
}


def study(**sections: Any) -> Study:
    base = {
        "study": "s",
        "models": {"big": {"source": "tiny"}, "small": {"source": "tiny", "seed": 1}},
        "pairs": {"p": {"teacher": "big", "student": "small"}},
        "benchmarks": BENCHMARKS,
        "methods": {"student": {}, "teacher": {}, "sft": {}},
    }
    return parse_study({**base, **sections})


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.chdir(tmp_path)
    return Layout(study(evaluation={"max_new_tokens": {"completion": 9, "facts": 3}}))


def test_a_derived_benchmark_is_made_from_the_other_and_scored_by_its_parts(layout: Layout) -> None:
    check_study(layout.study)
    assert layout.made_from("wrong") == ["both"] and layout.made_from("both") == ["facts", "completion"]
    assert layout.parts_of("wrong") == ["facts", "completion"] and layout.parts_of("unlabeled") == []
    order = layout.settings["order"]
    assert order["parts"] == {"both": ["facts", "completion"], "wrong": ["facts", "completion"]}
    assert order["derived"] == {"wrong": "both", "unlabeled": "completion"}
    assert layout.settings["benchmarks/wrong"] == {"of": "both", "corrupted": 0.5, "seed": 0}
    assert {cell.benchmark for cell in layout.cells} == set(BENCHMARKS)


def test_the_answers_of_a_model_are_an_artifact_of_their_own(layout: Layout) -> None:
    folder = "results/s/answered/big/completion"
    assert layout.answered_folder("unlabeled") == folder and layout.answered_folder("wrong") is None
    assert layout.answered_folders() == [folder]
    settings = layout.settings["answered/big/completion"]
    assert settings["max_new_tokens"] == {"completion": 9}
    assert (settings["split"], settings["protocol"], settings["samples"]) == ("train", "paper", {})
    assert layout.lists(Path(folder) / "run.json")
    assert not layout.lists(Path("results/s/answered/small/completion/run.json"))


def test_its_checks_are_those_of_its_items(layout: Layout) -> None:
    checks = layout.settings["checks/pairs/p/wrong"]
    assert checks["too_long"] == {} and checks["evaluation"]["max_new_tokens"]["completion"] == 9
    gsm8k = {"gsm8k": {"too_long": "leave-out"}, "noisy": {"of": "gsm8k", "corrupted": 0.1}}
    made = study(benchmarks=gsm8k)
    settings = Layout(made).settings["checks/pairs/p/noisy"]
    assert settings["too_long"] == {"gsm8k": "leave-out"} and settings["unreachable"] == {"gsm8k": "report"}


def test_whoever_reads_a_derived_benchmark_decides_what_is_left_out() -> None:
    models = {
        **{name: {"source": "tiny", "seed": seed} for seed, name in enumerate(("big", "small", "third"))}
    }
    benchmarks = {
        "gsm8k": {"too_long": "leave-out"},
        "facts": {},
        "told": {"of": "gsm8k", "answered_by": "third"},
    }
    pairs = {"p": {"teacher": "big", "student": "small", "benchmarks": ["told"]}}
    made = study(models=models, benchmarks=benchmarks, pairs=pairs)
    assert readers_of(made, "gsm8k") == ["big", "small", "third"]
    assert readers_of(made, "facts") == readers_of(made, "told") == []


def test_its_sizes_are_those_of_the_other(layout: Layout) -> None:
    assert [size_of(layout.study, name, "train") for name in ("both", "wrong", "unlabeled")] == [48, 48, 24]
    asked = study(methods={"student": {}, "teacher": {}, "sft": {"optimisation": {"examples": 25}}})
    assert {line.rpartition(".")[0].rpartition("benchmarks.")[2] for line in problems_of(asked)} == {
        "facts",
        "completion",
        "unlabeled",
    }


def test_models_are_scored_on_the_other_only() -> None:
    made = study(scores={"models": ["small"]})
    assert [folder.split("/")[-2] for folder in Layout(made).score_folders()] == [
        "facts",
        "completion",
        "both",
    ]


def test_its_cost_is_planned(layout: Layout) -> None:
    plan = Plan(layout.study, work.DEVICES["cpu"])
    assert plan.texts["unlabeled"] == plan.texts["completion"]
    rows = {row.rule: row for row in plan.rows()}
    assert rows["answer_prompts"].jobs == 1 and rows["answer_prompts"].hours > 0


@pytest.mark.parametrize(
    ("benchmarks", "told"),
    [
        ({"w": {"of": "gone", "corrupted": 0.1}}, r"benchmarks\.w\.of: found 'gone', expected one of facts"),
        ({"w": {"of": "wrong", "corrupted": 0.1}}, r"benchmarks\.w\.of: found 'wrong', expected one of facts, compl"),
        ({"w": {"of": "w", "corrupted": 0.1}}, r"benchmarks\.w\.of: found 'w', expected one of"),
        ({"w": {"of": "facts", "answered_by": "gone"}}, r"benchmarks\.w\.answered_by: found 'gone', expected one"),
        ({"w": {"parts": ["facts", "unlabeled"]}}, r"benchmarks\.w\.parts: found 'unlabeled', expected one of facts"),
        ({"w": {"of": "facts"}}, r"benchmarks\.w: found `of` without other answers, expected "),
        ({"w": {"of": "facts", "corrupted": 0.0}}, r"benchmarks\.w\.corrupted: found 0\.0, expected "),
        ({"w": {"of": "facts", "corrupted": 1.5}}, r"benchmarks\.w\.corrupted: found 1\.5, expected "),
        ({"w": {"of": "facts", "answered_by": "big", "seed": 1}}, r"benchmarks\.w\.seed: unknown key"),
        ({"w": {"of": "facts", "answered_by": "big", "corrupted": 0.1}}, r"benchmarks\.w: found both `corrupted` and"),
        ({"w": {"of": "facts", "corrupted": 0.1, "train": 3}}, r"benchmarks\.w\.train: unknown key"),
    ],
)  # fmt: skip
def test_sections_that_can_not_be_made_are_one_line(benchmarks: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told) as error:
        study(benchmarks={**BENCHMARKS, **benchmarks})
    assert len(error.value.lines) == 1


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"evaluation": {"split": "train"}}, "found 'train', whose answers benchmark wrong changes"),
        (
            {"evaluation": {"max_new_tokens": {"wrong": 3}}},
            "max_new_tokens: found 'wrong', expected one of facts",
        ),
        (
            {"scores": {"models": ["big"], "benchmarks": ["wrong"]}},
            "scores.benchmarks: found 'wrong', expected",
        ),
        (
            {"benchmarks": {**BENCHMARKS, "again": {"of": "both", "corrupted": 0.5}}},
            "benchmarks.again: found the rows and settings of benchmarks.wrong, expected them once",
        ),
    ],
)
def test_settings_without_effect_on_it_are_refused(sections: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError) as error:
        check_study(study(**sections))
    [line] = error.value.lines
    assert told in line


def test_two_draws_are_two_benchmarks() -> None:
    other = {"of": "both", "corrupted": 0.5, "seed": 1}
    check_study(study(benchmarks={**BENCHMARKS, "other": other}))
    with pytest.raises(UserError, match="found the rows and settings"):
        check_study(study(benchmarks={**BENCHMARKS, "other": {**other, "seed": 0}}))


def test_a_pruned_model_is_not_healed_with_it() -> None:
    cut = {"source": "pruned", "teacher": "big", "width": 64, "text": [{"benchmark": "wrong"}]}
    models = {"big": {"source": "tiny"}, "small": {"source": "tiny", "seed": 1}, "cut": cut}
    with pytest.raises(UserError, match=r"models\.cut\.text: found benchmark 'wrong', expected"):
        study(models=models)
