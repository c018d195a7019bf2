"""The benchmark suite at tiny sizes: it runs, times both sides in turn, and reports no times if a check fails."""

import json
import logging
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from slow_references import brute_force

from bench import machine, memory, run, timing
from bench.cells import missed_by
from bench.command import bench
from bench.registry import APART, SUBJECTS, load_subject
from bench.run import run_case, run_subject, run_suite
from bench.subject import Case, Check, Goal, Sides, Subject
from bench.subjects import startup
from bench.subjects.evaluation import same_answers
from bench.subjects.windows import double_loop
from bench.table import in_markdown, read_results, summary, write_tables
from semalign.evaluation.items import ItemRecord
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json

FAST = ("bases", "windows", "signals", "steering", "location", "folders")


def made(check: Callable[[Any, Any], Check], calls: list[str], **more: Any) -> Subject:
    """A subject whose sides only record that they ran."""

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


@pytest.mark.parametrize(
    ("cold", "warm", "stretch"), [(0.005, 0.005, 6), (9.0, 0.005, 6), (9.0, 0.04, 0), (0.04, 0.04, 0)]
)
def test_work_too_short_to_time_is_done_several_times_and_a_run_of_it_is_reported(
    monkeypatch: pytest.MonkeyPatch, cold: float, warm: float, stretch: int
) -> None:
    """The number of repetitions follows from a warm run, however long the first one took."""
    clock, runs = [0.0], [0]

    def work() -> None:
        clock[0] += warm if runs[0] else cold
        runs[0] += 1

    monkeypatch.setattr(timing, "LONG_ENOUGH", 0.0299)
    monkeypatch.setattr(timing, "perf_counter", lambda: clock[0])
    sides = Sides(work, None, lambda *_: Check("none", 0.0, 0))
    _, pairs = timing.measure(Case("case", {}, repeats=2), sides, lambda: None)
    assert runs[0] == 1 + 2 * (1 + stretch)
    assert [ours for ours, _ in pairs] == pytest.approx([warm, warm])


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


@pytest.mark.slow
@pytest.mark.parametrize("name", FAST)
def test_both_sides_give_the_same_at_pico_size(name: str) -> None:
    found = run_subject(name, "quick", "cpu", 1)
    assert found["rows"]
    for row in found["rows"]:
        assert row["check"]["passed"], row["check"]
        assert row["ours"]["median"] > 0


@pytest.mark.slow
def test_verdicts_and_scores_are_those_of_the_other_side() -> None:
    for name in ("verdicts", "evaluation"):
        for row in run_subject(name, "quick", "cpu", 1)["rows"]:
            assert row["check"]["passed"] and row["check"]["value"] == 0, row["check"]


def test_other_answers_are_seen_where_all_are_wrong() -> None:
    items = [ItemRecord(f"item-{at}", 0.0, f"answer {at}", "right") for at in range(4)]
    assert same_answers(items, [replace(item) for item in items]).value == 0
    for other in (replace(items[2], response="another"), replace(items[2], correct=1.0)):
        found = same_answers(items, [*items[:2], other, items[3]])
        assert found.value == 0.25 and not found.passed


@pytest.mark.slow
def test_a_jobs_start_is_that_of_the_other_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "EAGER", "import csv; ")  # importing more first changes no outcome
    (row,) = run_subject("startup", "quick", "cpu", 1)["rows"]
    assert row["check"]["passed"] and row["ours"]["median"] > 0, row["check"]
    assert row["notes"]["seconds_of_importing_torch_alone"] > 0


def test_a_peak_is_what_the_work_takes_beyond_what_was_there() -> None:
    before = torch.ones(5_000_000)  # 20 MB, which do not count
    assert memory.peak_while(lambda: torch.ones(12_500_000), "cpu") / 1e6 == pytest.approx(50, abs=12)
    assert len(before)


@pytest.mark.slow
def test_a_peak_that_can_not_be_measured_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended = subprocess.CompletedProcess([], 1, "", "Traceback ...\nOutOfMemoryError: 80 GB")
    monkeypatch.setattr(memory.subprocess, "run", lambda *_args, **_options: ended)
    with caplog.at_level(logging.WARNING, "semalign"):
        found = run_subject("mapping", "quick", "cpu", 1)
    (row,) = found["rows"]
    assert row["memory"] == {"ours_mb": None, "theirs_mb": None, "share": None} and row["ours"]["median"] > 0
    assert "mapping, pico, theirs: not measured (OutOfMemoryError: 80 GB)" in caplog.text
    case = Case("case", {}, goal=Goal(faster=2, memory=0.1))
    assert [run._met(row | {"ratio": {"median": at}}, case) for at in (1.0, 3.0)] == [False, None]
    row["memory"]["theirs_mb"] = 12.0
    assert "| – / 12 |" in in_markdown([{**found, "machine": machine.facts("cpu", 1)}])


def test_a_table_says_how_it_was_measured() -> None:
    found = run_subject("windows", "quick", "cpu", 1) | {"machine": machine.facts("cpu", 1)}
    (row,) = found["rows"]
    assert row["repeats"] == 2
    row["ours"], row["theirs"] = ({"median": at, "low": at, "high": at} for at in (0.5, 2.0))
    row["ratio"], row["rate"] = {"median": 4.0, "low": 4.0, "high": 4.0}, None
    assert "| the double loop | 0.5 s | 2 s | 4x |" in in_markdown([found])
    row["repeats"] = 3
    assert "| 0.5 s [0.5, 0.5] | 2 s [2, 2] | 4x [4, 4] |" in in_markdown([found])
    row["theirs"] = row["ratio"] = None
    assert "| cpu | – | 0.5 s [0.5, 0.5] | – | – |" in in_markdown([found])
    assert "one commit" not in in_markdown([found, found])
    other = found | {"name": "bases", "machine": found["machine"] | {"commit": "0123456789ab"}}
    text = in_markdown([found, other])
    assert (
        "The measurements come from 2 commits, listed below." in text and "commit 0123456789ab, pico" in text
    )
    assert text.endswith(": bases")


def test_a_missed_goal_is_named() -> None:
    goal = {"faster": 2.0, "memory": 0.1, "seconds": None, "rate": None}
    row = {"goal": goal, "ratio": {"median": 1.0}, "memory": {"share": 0.5}, "rate": None}
    assert missed_by(row) == "speed and memory"
    assert missed_by(row | {"ratio": {"median": 3.0}}) == "memory"
    assert missed_by(row | {"memory": None}) == "speed"
    late = {"goal": dict.fromkeys(goal) | {"seconds": 3.0}, "ours": {"median": 4.0}, "memory": None}
    assert missed_by(row | late) == "speed"


@pytest.mark.slow
def test_why_a_goal_is_missed_is_told_for_the_suite_it_was_missed_in() -> None:
    for name in SUBJECTS:
        subject = load_subject(name)
        assert set(subject.explanation) <= set(subject.cases)
    assert load_subject("windows").explanation["cpu"]
    assert run_subject("windows", "quick", "cpu", 1)["explanation"] == ""


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_page_is_written_from_the_results_alone(tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    with pytest.raises(UserError, match="no results"):
        write_tables(tmp_path / "empty", page)
    run_suite(tmp_path / "found", "cpu", ["windows"], True, 1)
    bench(out=tmp_path / "found", page=page, write_only=True)
    text = page.read_text()
    assert "Seeking's window search" in text and "1 of 1 checks passed" in text
    top, _, table = text.partition("| what |")
    assert sum(line.startswith("- ") for line in top.splitlines()) <= 10 and "the double loop" in table


def test_the_speed_page_in_git_is_what_its_results_say(tmp_path: Path) -> None:
    shutil.copytree(machine.ROOT / "results/benchmarks", tmp_path / "found")
    write_tables(tmp_path / "found", tmp_path / "speed.md")
    for name, own in (("docs/speed.md", "speed.md"), ("results/benchmarks/table.md", "found/table.md")):
        assert (tmp_path / own).read_text() == (machine.ROOT / name).read_text(), (
            f"{name}: python -m bench --write-only"
        )
    found = read_results(tmp_path / "found")
    facts = summary(found)
    assert facts["faster"] <= len(facts["ratios"]) and len(facts["missed"]) <= facts["judged"]
    for row in found[0]["rows"]:
        row["met"] = False
    assert len(summary(found)["missed"]) >= len(facts["missed"])


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


def test_the_double_loop_is_the_brute_force() -> None:
    scores = torch.rand(9, 7, generator=torch.Generator().manual_seed(1))
    assert double_loop(scores, (4, 3)) == brute_force(scores.numpy(), (4, 3))[1]
