"""Trials of a search: combinations of settings, rates beyond the grid, variants of searched settings, fixed rates."""

from pathlib import Path
from typing import Any

import pytest

from semalign.study.definition import parse_study
from semalign.study.layout import Layout
from semalign.study.planning.table import unplanned
from semalign.study.searches import (
    fixed_of,
    further_rates,
    further_trials,
    grid_of,
    rates_of,
    searched_variant,
    trials_of,
)

RATE = "optimisation.learning_rate"
RANKS = {"method": "sft", "learning_rates": [1e-4, 1e-2], "search": {"lora.rank": [4, 8]}}
STUDY: dict[str, Any] = {
    "study": "s",
    "models": {"big": {"source": "tiny"}, "small": {"source": "tiny", "seed": 1}},
    "pairs": {"p": {"teacher": "big", "student": "small"}},
    "benchmarks": {"facts": {}, "completion": {}},
    "methods": {
        "student": {},
        "teacher": {},
        "sft": {"by_benchmark": {"facts": {"optimisation.epochs": 2}}},
        "ranks": RANKS,
        "fixed": {"method": "sft", "searched": False, "optimisation": {"learning_rate": 0.3}},
    },
    "search": {"learning_rates": [1e-4, 1e-3, 1e-2, 2e-2], "widen": 2},
    "ablations": {
        "method": "ranks",
        "axes": {"lora.rank": [16], RATE: [0.1], "optimisation.epochs": [3]},
        "others": {"fixed": {"lora.rank": [2]}},
    },
}


@pytest.mark.parametrize(
    ("rates", "count", "lowest", "highest"),
    [
        ([1e-3, 1e-2, 3e-2], 2, [1e-4, 1e-5], [0.09, 0.27]),
        ([3e-2, 1e-3, 1e-2], 1, [1e-4], [0.09]),
        ([1e-3, 3e-3], 2, [0.00033, 0.00011], [0.009, 0.027]),
        ([0.1, 0.5], 3, [0.02, 0.004, 0.0008], []),
        ([1e-2, 1e-1], 2, [1e-3, 1e-4], [1.0]),
        ([1e-3, 1e-2], 0, [], []),
        ([1e-3], 3, [], []),
    ],
)
def test_rates_beyond_a_grid_continue_its_outermost_steps(
    rates: list[float], count: int, lowest: list[float], highest: list[float]
) -> None:
    assert further_rates(rates, count) == {"lowest": lowest, "highest": highest}


def test_no_rate_beyond_a_grid_is_too_small_or_too_large_for_a_number() -> None:
    assert further_rates([1e-200, 1.0], 10) == {"lowest": [], "highest": []}
    assert further_rates([1e-300, 1e-280], 3) == {"lowest": [1e-320], "highest": [1e-260, 1e-240, 1e-220]}


def test_all_combinations_are_tried_and_named_after_their_values() -> None:
    study = parse_study(STUDY)
    assert list(trials_of(study, "ranks")) == [
        "learning_rate~0.0001+rank~4",
        "learning_rate~0.0001+rank~8",
        "learning_rate~0.01+rank~4",
        "learning_rate~0.01+rank~8",
    ]
    assert trials_of(study, "ranks")["learning_rate~0.01+rank~8"] == {RATE: 0.01, "lora.rank": 8}
    assert len(trials_of(study, "sft")) == len(trials_of(study, "ranks"))
    further = further_trials(study, "ranks")
    assert list(further["lowest"])[:2] == ["learning_rate~1e-06+rank~4", "learning_rate~1e-06+rank~8"]
    assert list(further["highest"]) == ["learning_rate~1.0+rank~4", "learning_rate~1.0+rank~8"]


def test_keys_are_joined_in_the_order_of_their_names() -> None:
    values = {"optimisation.warmup": [0.0, 0.1], "lora.rank": [4, 8]}
    methods = {**STUDY["methods"], "ranks": {**RANKS, "learning_rates": [1e-3], "search": values}}
    study = parse_study({**STUDY, "methods": methods, "search": {"learning_rates": [1e-4, 1e-3, 1e-2, 2e-2]}})
    assert next(iter(trials_of(study, "ranks"))) == "learning_rate~0.001+rank~4+warmup~0.0"


def test_a_variant_that_sets_a_searched_key_is_searched_over_the_rest() -> None:
    default = parse_study(STUDY)
    assert fixed_of(default, "ranks", "rank~16") == ["lora.rank"]
    assert fixed_of(default, "ranks", "epochs~3") == fixed_of(default, "ranks", "default") == []
    for variant in ("rank~16", "learning_rate~0.1", "epochs~3"):
        assert searched_variant(default, "ranks", variant) == "default"
        assert trials_of(default, "ranks", variant) == {}
    own = parse_study({**STUDY, "ablations": {**STUDY["ablations"], "search": True}})
    assert list(grid_of(own, "ranks", "rank~16")) == [RATE]
    assert list(trials_of(own, "ranks", "rank~16")) == ["learning_rate~0.0001", "learning_rate~0.01"]
    assert trials_of(own, "ranks", "rank~16")["learning_rate~0.01"] == {"lora.rank": 16, RATE: 0.01}
    assert list(trials_of(own, "ranks", "learning_rate~0.1")) == ["rank~4", "rank~8"]
    assert further_trials(own, "ranks", "learning_rate~0.1") == {"lowest": {}, "highest": {}}
    assert len(trials_of(own, "ranks", "epochs~3")) == 4
    assert searched_variant(own, "ranks", "learning_rate~0.1") == "learning_rate~0.1"


def test_a_fixed_rate_is_not_searched_and_neither_are_its_variants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = parse_study({**STUDY, "ablations": {**STUDY["ablations"], "search": True}})
    layout = Layout(study)
    assert rates_of(study, "fixed") == [] and grid_of(study, "fixed") == {}
    assert {method for _, _, method, _ in layout.searched()} == {"sft", "ranks"}
    for variant in ("default", "rank~2"):
        assert layout.searched_variant("fixed", variant) is None
        assert layout.settings[f"methods/fixed/{variant}"]["optimisation"]["learning_rate"] == 0.3


def test_settings_of_further_trials_are_written_and_their_folders_belong_to_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    layout = Layout(parse_study(STUDY))
    files = layout.further_settings("sft", "default", "facts", "lowest")
    root = "results/s/settings/trials/sft/default"
    assert files == [f"{root}/learning_rate~1e-05@facts.json", f"{root}/learning_rate~1e-06@facts.json"]
    layout.write_settings()
    assert all(Path(path).is_file() for path in files)
    settings = layout.settings["trials/sft/default/learning_rate~1e-06@facts"]
    assert settings["optimisation"]["learning_rate"] == 1e-6 and settings["optimisation"]["epochs"] == 2
    assert not settings.keys() & {"search", "searched", "learning_rates"}
    assert layout.settings["searches/ranks/default"] == {"keys": [RATE, "lora.rank"]}
    search = "results/s/search/p/facts/ranks/default"
    assert layout.lists(Path(f"{search}/learning_rate~1.0+rank~8/transfer/run.json"))
    assert not layout.lists(Path(f"{search}/learning_rate~1e-09+rank~8/run.json"))
    narrow = Layout(parse_study({**STUDY, "search": {"learning_rates": STUDY["search"]["learning_rates"]}}))
    assert not narrow.lists(Path(f"{search}/learning_rate~1.0+rank~8/run.json"))
    assert narrow.further_settings("sft", "default", "facts", "lowest") == []


def test_an_axis_over_a_searched_key_has_no_default_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    axes = Layout(parse_study(STUDY)).settings["order"]["axes"]
    assert axes["ranks"]["rank"] == {"default": "searched", "values": ["16"]}
    assert axes["ranks"]["learning_rate"]["default"] == "searched"
    assert axes["fixed"]["rank"]["default"] == "16"


def test_a_plan_says_that_widening_may_cost_more() -> None:
    study = parse_study(STUDY)
    assert "each of the 4 searches may train and score up to 4 more trials" in unplanned(study, 4)
    narrow = parse_study({**STUDY, "search": {"learning_rates": STUDY["search"]["learning_rates"]}})
    assert unplanned(narrow, 4) == unplanned(study, 0) == ""
