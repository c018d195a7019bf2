"""Which methods are controls, from their settings and, for tables that don't say, from their names."""

from typing import Any

import pytest

from semalign.report.levels import Levels
from semalign.study.definition import parse_study
from semalign.study.layout import Layout

BASE: dict[str, Any] = {
    "study": "s",
    "models": {"big": {"source": "tiny"}, "small": {"source": "tiny", "seed": 1}},
    "pairs": {"p": {"teacher": "big", "student": "small"}},
    "benchmarks": {"facts": {}},
    "notebooks": ["tables"],
}
RESIDUAL = "semantic-residual"
# name -> settings, and whether it is a control
METHODS: dict[str, tuple[dict[str, Any], bool]] = {
    "semantic-residual": ({}, False),
    "semantic-residual-rows": ({"method": RESIDUAL, "signals": {"residual.bases": "head-rows"}}, False),
    "semantic-residual-labels": ({"method": RESIDUAL, "signals": {"residual.source": "labels"}}, False),
    "semantic-residual-random-bases": ({"method": RESIDUAL, "signals": {"residual.bases": "random"}}, True),
    "semantic-residual-shuffled": ({"method": RESIDUAL, "signals": {"residual.source": "shuffled"}}, True),
    "semantic-residual-student": ({"method": RESIDUAL, "signals": {"residual.source": "student"}}, True),
    "residual-start": ({}, False),
    "residual-start-random-bases": (
        {"method": "residual-start", "signals": {"residual.bases": "random"}},
        True,
    ),
    "oracle": ({}, True),
    "oracle-sft": ({"method": "oracle", "signals": {"oracle.of": "sft"}}, True),
    "distill-logits": ({}, False),
    "sft": ({}, False),
}


def test_controls_follow_from_the_settings() -> None:
    methods = {"student": {}, "teacher": {}, **{name: settings for name, (settings, _) in METHODS.items()}}
    order = Layout(parse_study({**BASE, "methods": methods})).settings["order"]
    assert order["controls"] == [name for name, (_, control) in METHODS.items() if control]


@pytest.mark.parametrize("name", METHODS)
def test_without_a_list_controls_are_recognised_by_name(name: str) -> None:
    assert Levels().is_control(name) is METHODS[name][1]
    assert Levels(controls=[]).is_control(name) is False
    assert Levels(controls=[name]).is_control(name) is True


def test_residuals_have_titles() -> None:
    methods = {"student": {}, "teacher": {}, **{name: settings for name, (settings, _) in METHODS.items()}}
    titles = Layout(parse_study({**BASE, "methods": methods})).settings["order"]["titles"]
    assert titles["semantic-residual-random-bases"] == "Semantic residual, random bases"
    assert titles["oracle-sft"] == "Oracle, sft"
