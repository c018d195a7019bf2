"""What a run shows: on a terminal and in a file, while it works, when it fails, and when it ends."""

import io
import logging
import os
import re
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from semalign.runtime import terminal
from semalign.runtime.progress import FULL, LOST, Job, Progress, gave_reason, span
from semalign.runtime.terminal import Display, Ticker, closing

TOTALS = {"train": 4, "judge": 2, "all": 1, "total": 7}


class Screen(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def record(event: str | None = None, message: str = "", level: int = logging.INFO, **facts: Any) -> Any:
    """A message as Snakemake sends it."""
    made = logging.LogRecord("snakemake", level, "", 0, message, None, None)
    made.__dict__.update(facts, event=event)
    return made


def started(number: int, rule: str = "train", log: Path | None = None) -> Any:
    name = f"facts: {rule} {number}"
    return record("job_info", jobid=number, rule_name=rule, rule_msg=name, log=[str(log)] if log else [])


def begun(stream: io.StringIO, **options: Any) -> Display:
    """A display that knows how many jobs there are."""
    display = Display(stream, **options)
    display.show(record("run_info", "Job stats", stats=TOTALS))
    return display


def run_all(display: Display) -> None:
    rules = ["train"] * 4 + ["judge"] * 2 + ["all"]
    for number, rule in enumerate(rules):
        display.show(started(number, rule))
        display.show(record("job_finished", job_id=number))


def test_a_file_gets_one_line_per_finished_rule_and_no_control_characters() -> None:
    stream = io.StringIO()
    display = begun(stream)
    for noise in ("Select jobs to execute...", "Execute 2 jobs...", "Complete log(s): x", "None"):
        display.show(record(message=noise))
    run_all(display)
    display.close()
    lines = [line.split(maxsplit=1)[1] for line in stream.getvalue().splitlines()]
    assert [re.sub(r" +", " ", line) for line in lines] == [
        "7 jobs",
        "train 4 jobs 0.0 s each",
        "judge 2 jobs 0.0 s each",
        "all 7 jobs finished",
    ]
    assert not re.search(r"[\r\x1b]", stream.getvalue())


def test_a_terminal_rewrites_its_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Screen()
    display = begun(stream)
    display.show(started(0))
    display.tick()
    assert stream.getvalue().endswith("0 of 7 jobs (0 %) | facts: train 0\x1b[K")
    run_all(display)
    display.close()
    assert "all 7 jobs finished\n" in stream.getvalue()
    assert stream.getvalue().endswith("\r\x1b[K")
    monkeypatch.setenv("TERM", "dumb")
    assert not Display(Screen()).live


def test_a_file_hears_of_progress_from_time_to_time(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    display = begun(stream)
    display.tick()
    assert stream.getvalue().count("\n") == 1
    display.shown -= terminal.PAUSE
    display.tick()
    display.tick()
    assert stream.getvalue().count(" of 7 jobs") == 1


def test_the_last_line_of_a_long_jobs_log_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text("step 1/9\nstep 5/9 (55 %), 3 s left\n\n")
    display = begun(io.StringIO())
    display.show(started(0, log=log))
    assert display.progress and "step" not in display.progress.status()  # it has just begun
    display.progress.running[0].started -= 5
    assert display.progress.status() == "0 of 7 jobs (0 %) | step 5/9 (55 %), 3 s left"
    os.utime(log, (1, 1))  # of an earlier run
    assert display.progress.status() == "0 of 7 jobs (0 %) | facts: train 0"


def test_a_failed_run_ends_with_one_line_per_failure(tmp_path: Path) -> None:
    told, traced = tmp_path / "told.log", tmp_path / "traced.log"
    told.write_text("step 1\nerror: facts: found nothing, expected items\n")
    traced.write_text("Traceback (most recent call last):\nValueError: no\n")
    stream = io.StringIO()
    display = begun(stream)
    for number, log in enumerate((told, traced, None, told)):
        display.show(started(number, log=log))
        display.show(record("error", "RuleException:\nCalledProcessError in file x", logging.ERROR))
        display.show(record("job_error", "Error in rule train", logging.ERROR, jobid=number))
    display.show(started(3))  # tried again
    display.show(record("job_finished", job_id=3))
    display.show(record("error", "WorkflowError:\nAt least one job did not complete", logging.ERROR))
    shown = stream.getvalue()
    assert shown.count("failed: facts: train") == 4 and "RuleException" not in shown
    display.close()
    display.close()
    assert stream.getvalue().removeprefix(shown).splitlines() == [
        "3 failed, 1 of 7 jobs finished and are kept; correct the cause and start again:",
        f"  facts: train 0: facts: found nothing, expected items ({told})",
        f"  facts: train 1: ValueError: no ({traced})",
        f"  facts: train 2: {LOST}",
    ]


def test_a_job_that_was_killed_is_not_said_to_have_failed_by_its_progress(tmp_path: Path) -> None:
    log = tmp_path / "killed.log"
    log.write_text("sft: step 4567/9000 (50 %), loss 3.042, 10 s left\n")
    assert Job("train", "train", str(log)).error().startswith(f"{LOST}, after: sft: step 4567/9000")


def test_several_reasons_are_counted_and_the_first_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "several.log"
    log.write_text("error: a: found 1\nerror: b: found 2\nerror: c: found 3\n")
    assert Job("train", "train", str(log)).error() == "a: found 1 (and 2 more in the log)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("error: a: found 1\n", True),
        ("step 3/9 (30 %)\nerror: killed by signal 9 (out of memory, or from outside)\n", False),
        ("step 3/9 (30 %)\n", False),
        ("", False),
    ],
)
def test_a_job_that_was_killed_gave_no_reason_not_to_try_again(tmp_path: Path, text: str, said: bool) -> None:
    (tmp_path / "a.log").write_text(text)
    assert gave_reason([str(tmp_path / "a.log"), str(tmp_path / "none.log")], since=0) is said


def test_an_interrupted_run_names_no_failures() -> None:
    stream = io.StringIO()
    display = begun(stream)
    display.show(started(0))
    display.show(record(message="Terminating processes on user request, this might take some time."))
    display.show(record("job_error", level=logging.ERROR, jobid=0))
    display.close()
    assert stream.getvalue().splitlines()[1:] == [
        "interrupted: 0 of 7 jobs finished; start again to go on",
    ]


def test_a_quiet_run_says_only_what_failed() -> None:
    stream = io.StringIO()
    display = begun(stream, quiet=True)
    run_all(display)
    display.tick()
    display.show(record(message="verdict", ours=True))
    display.close()
    assert stream.getvalue() == ""
    display = begun(stream, quiet=True)
    display.show(started(0))
    display.show(record("job_error", level=logging.ERROR, jobid=0))
    assert "failed: facts: train 0" in stream.getvalue()


@pytest.mark.parametrize(("jobs", "listed"), [(3, True), (terminal.LISTED + 1, False)])
def test_a_dry_run_is_a_table_and_a_short_list(jobs: int, listed: bool) -> None:
    stream = io.StringIO()
    display = Display(stream, dry=True)
    display.show(record("run_info", "Job stats: 3", stats=TOTALS))
    for number in range(jobs):
        display.show(started(number))
    display.show(record("run_info", "Job stats: 3", stats=TOTALS))
    display.show(record(message="Reasons:\n    (check individual jobs above for details)\n    code"))
    display.close()
    text = stream.getvalue()
    assert text.count("Job stats") == 1
    assert ("facts: train 0" in text) == listed
    assert text.endswith("Reasons:\n    code\n")


def test_messages_before_and_after_the_jobs() -> None:
    stream = io.StringIO()
    display = Display(stream)
    display.show(record(message="Building DAG of jobs..."))
    display.show(record(message="Nothing to be done (all requested files are present and up to date)."))
    display.show(record(message="MissingInputException", level=logging.ERROR))
    display.close()
    assert stream.getvalue().splitlines() == [
        "Nothing to be done (all requested files are present and up to date).",
        "MissingInputException",
    ]


def test_the_time_left_is_that_of_the_rules_which_remain() -> None:
    progress = Progress({"long": 2, "short": 10})
    progress.started = time.time() - 100
    assert progress.seconds_left() is None
    progress.done.update({"long": 1, "short": 5})
    progress.seconds.update({"long": 90.0, "short": 10.0})
    left = progress.seconds_left()
    assert left is not None and abs(left - (90 + 5 * 2)) < 1
    progress.running[1] = Job("a", "long", None, started=time.time() - 50)
    left = progress.seconds_left()
    assert left is not None and abs(left - (40 + 10) / 1.5) < 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.84, "0.8 s"), (12, "12 s"), (100, "2 min"), (3600, "60 min"), (4800, "80 min"), (7500, "2 h 05 min")],
)
def test_times_are_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_a_run_ends_with_its_verdict_page_and_adapters(tmp_path: Path) -> None:
    assert closing(tmp_path, since=0) == ""
    (tmp_path / "index.html").write_text("")
    assert closing(tmp_path, since=0) == f"\npage: {tmp_path}/index.html"
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/summary.md").write_text("- **Yes**: `a`.\n" * 9)
    adapter = tmp_path / "cells/p/b/m/default/seed0/transfer"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text("{}")
    *verdict, empty, _, adapters = closing(tmp_path, since=0).splitlines()
    assert verdict == ["- Yes: a."] * terminal.VERDICT and not empty
    assert adapters == f"adapters: {tmp_path}/cells/p/b/m/default/seed0/transfer"
    for other in ("cells/p/b/n/default/seed0", "cells/p/b/m/default/seed1"):
        (tmp_path / other / "transfer").mkdir(parents=True)
        (tmp_path / other / "transfer/adapter_config.json").write_text("{}")
    adapters = closing(tmp_path, since=0).splitlines()[-1]
    assert adapters == f"adapters: {tmp_path}/cells/p/b/<method>/default/seed<k>/transfer"
    assert closing(tmp_path, since=time.time() + 60) == ""  # not written by this run


def test_a_run_ends_with_the_folders_of_its_exports(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("")
    for name in ("sft-merged", "sft"):
        (tmp_path / "export/p" / name).mkdir(parents=True)
        (tmp_path / "export/p" / name / "export.json").write_text("{}")
    ends = closing(tmp_path, since=0).splitlines()[-2:]
    assert ends == [f"exported: {tmp_path}/export/p/{name}" for name in ("sft", "sft-merged")]
    for pair in "abcdef":
        (tmp_path / "export" / pair / "sft").mkdir(parents=True)
        (tmp_path / "export" / pair / "sft/export.json").write_text("{}")
    assert closing(tmp_path, since=0).splitlines()[-1] == f"exported: {tmp_path}/export (8 folders)"


def test_a_ticker_ends_when_it_is_told() -> None:
    display = begun(io.StringIO())
    ticker = Ticker(display, threading.Lock())
    ticker.start()
    ticker.stopped.set()
    ticker.join(timeout=5)
    assert not ticker.is_alive()


def test_a_log_that_is_empty_since_the_disk_is_full_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "a.log"
    log.touch()
    assert Job("train", "train", str(log)).error() == LOST
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: SimpleNamespace(free=100))
    assert Job("train", "train", str(log)).error() == FULL
