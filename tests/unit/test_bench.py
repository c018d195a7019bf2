"""The suite of benchmarks at pico sizes: it runs, compares in turn, and says nothing where a check fails."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from slow_references import brute_force

from semalign.bench import growth, machine, timing
from semalign.bench.registry import APART, SUBJECTS, load_subject
from semalign.bench.run import run_case, run_subject, run_suite
from semalign.bench.subject import Case, Check, Goal, Sides, Subject
from semalign.bench.subjects.windows import double_loop
from semalign.bench.table import BEGIN, END, read_results, write_tables
from semalign.errors import UserError
from semalign.files import read_json, write_json

FAST = ("bases", "windows", "signals", "steering", "location")


def made(check: Callable[[Any, Any], Check], calls: list[str], **more: Any) -> Subject:
    """A subject whose sides only note that they ran."""

    def side(name: str) -> Callable[[], str]:
        return lambda: calls.append(name) or name

    sides = Sides(side("ours"), side("theirs"), check, **more)
    return Subject("nothing", "nothing else", {}, lambda _size, _device: sides, unit="steps")


def test_sides_run_in_turn_and_a_first_run_only_feeds_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "LONG_ENOUGH", 0.0)
    calls: list[str] = []
    subject = made(lambda a, b: Check("names", float((a, b) != ("ours", "theirs")), 0), calls, work=10)
    row = run_case(subject, Case("case", {}, repeats=3, goal=Goal(faster=1)), "cpu")
    assert calls == ["ours", "theirs"] * 4
    assert row["repeats"] == 3 and row["ratio"]["low"] <= row["ratio"]["median"] <= row["ratio"]["high"]
    assert row["rate"]["ours"] == pytest.approx(10 / row["ours"]["median"], rel=1e-3)
    calls.clear()
    run_case(subject, Case("case", {}, repeats=3, warm=False), "cpu")
    assert calls == ["ours", "theirs"] * 3


def test_work_too_short_to_time_is_done_several_times_and_a_run_of_it_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timing, "LONG_ENOUGH", 0.03)
    runs: list[int] = []
    sides = Sides(lambda: (runs.append(1), time.sleep(0.005)), None, lambda *_: Check("none", 0.0, 0))
    _, pairs = timing.measure(Case("case", {}, repeats=2), sides, lambda: None)
    assert 1 + 2 * 2 <= len(runs) <= 1 + 2 * 6
    assert all(0.005 <= ours < 0.015 for ours, _ in pairs)


@pytest.mark.parametrize("value", [2e-6, float("nan"), float("inf")])
def test_a_failed_check_leaves_no_times_and_no_ratio(tmp_path: Path, value: float) -> None:
    calls: list[str] = []
    subject = made(lambda _a, _b: Check("error", value, 1e-6), calls)
    row = run_case(subject, Case("case", {}, repeats=5, goal=Goal(faster=5)), "cpu")
    assert calls == ["ours", "theirs"]
    assert not row["check"]["passed"]
    assert row["ours"] is row["theirs"] is row["ratio"] is row["memory"] is None
    about = {
        "name": "bases",
        "what": "bases",
        "against": "pinv",
        "unit": "",
        "suite": "quick",
        "explanation": "",
    }
    found = {**about, "rows": [row | {"met": None}], "machine": machine.facts("cpu", 1)}
    write_json(tmp_path / "bases.json", found)
    write_tables(tmp_path)
    table = (tmp_path / "table.md").read_text()
    assert "FAILED" in table and "x [" not in table


@pytest.mark.parametrize("name", FAST)
def test_both_sides_give_the_same_at_pico_size(name: str) -> None:
    found = run_subject(name, "quick", "cpu", 1)
    assert found["rows"]
    for row in found["rows"]:
        assert row["check"]["passed"], row["check"]
        assert row["ours"]["median"] > 0


def test_verdicts_and_scores_are_those_of_the_other_side() -> None:
    for name in ("verdicts", "evaluation"):
        for row in run_subject(name, "quick", "cpu", 1)["rows"]:
            assert row["check"]["passed"], row["check"]


def test_the_suite_writes_files_and_a_table_of_them_alone(tmp_path: Path) -> None:
    run_suite(tmp_path, "cpu", ["mapping", "windows"], True, 1)
    write_tables(tmp_path)
    found = read_json(tmp_path / "mapping.json")
    (row,) = found["rows"]
    assert row["check"]["passed"] and row["memory"]["ours_mb"] >= 0 and row["memory"]["theirs_mb"] >= 0
    assert found["machine"]["threads"] == 1 and found["machine"]["versions"]["torch"]
    text = (tmp_path / "mapping.json").read_text() + (tmp_path / "table.md").read_text()
    assert str(machine.ROOT) not in text and str(Path.home()) not in text and str(tmp_path) not in text
    row["ratio"]["median"] = 1234.0
    write_json(tmp_path / "mapping.json", found)
    write_tables(tmp_path)
    assert "1.23e+03x" in (tmp_path / "table.md").read_text()
    assert "1234" in (tmp_path / "table.csv").read_text()
    assert [result["name"] for result in read_results(tmp_path)] == ["mapping", "windows"]


def test_the_readme_is_filled_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nstale\n{END}\nafter\n")
    with pytest.raises(UserError, match="no results"):
        write_tables(tmp_path / "empty", page)
    run_suite(tmp_path / "found", "cpu", ["windows"], True, 1)
    write_tables(tmp_path / "found", page)
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "stale" not in text
    assert "Seeking's window search" in text
    page.write_text("nothing")
    with pytest.raises(UserError, match="no pair of marks"):
        write_tables(tmp_path / "found", page)


def test_subjects_are_complete() -> None:
    for name in SUBJECTS:
        subject = load_subject(name)
        assert subject.cases["cpu"]
        assert name in APART or subject.cases["quick"]
        for cases in subject.cases.values():
            assert len({case.name for case in cases}) == len(cases)
            for case in cases:
                assert case.repeats >= 1 and json.dumps(dict(case.size))
        assert any(case.goal.in_words(subject.unit) for case in subject.cases["cpu"])


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected one of bases"):
        run_suite(tmp_path, "cpu", ["nothing"], True, 1)
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="no GPU"):
            run_suite(tmp_path, "cuda", [], True, 1)


def test_growth_has_exponents_and_floors(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {name: growth.STAGES[name] for name in ("bases and map", "teacher signals")}
    monkeypatch.setattr(growth, "STAGES", kept)
    monkeypatch.setattr(growth, "REPEATS", 1)
    found = growth.measure_growth("cpu", quick=True)
    assert {(row["stage"], row["axis"]) for row in found["rows"]} == {
        *(("bases and map", axis) for axis in ("model", "vocabulary")),
        *(("teacher signals", axis) for axis in ("model", "examples", "vocabulary")),
    }
    for row in found["rows"]:
        assert row["floor_seconds"] > 0 and row["over_floor"] > 1  # nothing is faster than its floor
        assert np.isfinite(row["exponent"]) and bool(row["explanation"]) == (row["over_floor"] > growth.OVER)


def test_a_size_that_axes_share_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, built = growth.STAGES["teacher signals"], []
    counted = replace(stage, build=lambda scale, device: built.append(scale) or stage.build(scale, device))
    monkeypatch.setattr(growth, "STAGES", {"teacher signals": counted})
    growth.measure_growth("cpu", quick=True)
    assert len(built) == len(set(built)) == 4  # half a model, the base, twice the examples, twice the tokens


def test_an_exponent_is_the_slope_in_logarithms() -> None:
    assert growth.exponent([10, 20, 40], [3.0, 12.0, 48.0]) == pytest.approx(2)


def test_the_double_loop_is_the_brute_force() -> None:
    scores = torch.rand(9, 7, generator=torch.Generator().manual_seed(1))
    assert double_loop(scores, (4, 3)) == brute_force(scores.numpy(), (4, 3))[1]
