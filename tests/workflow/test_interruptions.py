"""Runs that are killed or interrupted anywhere give the results of an undisturbed run after a restart."""

import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from processes import wait_until
from projects import MINI, call, copy_project, environment, metrics, snakemake

pytestmark = pytest.mark.study

SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGKILL, signal.SIGTERM)


class Running:
    """A workflow run in the background, whose progress is read from its log."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.folder, self.log = folder, log
        with log.open("w") as file:
            self.process = subprocess.Popen(
                ["snakemake", "--cores", "2", *MINI, "--printshellcmds"],
                cwd=folder,
                env=environment(folder),
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # tests that run in the background of a shell inherit that SIGINT is ignored
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    def wait_for_jobs(self, count: int) -> None:
        """Wait until `count` jobs of this run have finished."""
        end = time.monotonic() + 900
        while self.log.read_text().count("Finished jobid") < count:
            assert time.monotonic() < end and self.process.poll() is None, self.log.read_text()[-3000:]
            time.sleep(0.05)

    def stop(self, number: int) -> int:
        """Send a signal until the run ends: a SIGINT that arrives in Snakemake's asyncio loop may be lost."""
        for _ in range(12):
            self.process.send_signal(number)
            try:
                return self.process.wait(timeout=10 if number == signal.SIGINT else 120)
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError(f"still running after {number}")


def left_running(folder: Path) -> dict[int, str]:
    """Return id -> command of the processes whose working directory is a folder."""
    running = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder and int(process.name) != os.getpid():
                running[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return running


def gone(folder: Path, seconds: float = 10) -> bool:
    """Wait until no process is left in a folder, and return whether that happened in time."""
    end = time.monotonic() + seconds
    while left_running(folder) and time.monotonic() < end:
        time.sleep(0.1)
    return not left_running(folder)


def half_written(folder: Path) -> list[Path]:
    return list((folder / "results").rglob(".*.partial"))


def finished_jobs(log: str) -> list[str]:
    """Return the messages of the jobs that finished according to a log."""
    names = dict(re.findall(r"^Job (\d+): (.*)$", log, re.MULTILINE))
    return [names[i] for i in re.findall(r"^Finished jobid: (\d+)", log, re.MULTILINE) if i in names]


def test_killed_and_interrupted_runs_give_the_results_of_an_undisturbed_one(
    finished: Path, tmp_path: Path
) -> None:
    folder = copy_project(tmp_path / "project").resolve()
    chance = random.Random(7)
    done: list[str] = []
    for turn, number in enumerate(SIGNALS):
        run = Running(folder, tmp_path / f"{turn}.log")
        run.wait_for_jobs(chance.randint(1, 9))
        time.sleep(chance.random())
        assert run.stop(number) != 0
        assert gone(folder), left_running(folder)
        done += finished_jobs(run.log.read_text())
    ended = snakemake(
        folder, "results/mini/tables/main.csv", *MINI, "--printshellcmds"
    )  # notebooks would test nothing more
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    assert "lock" not in ended.stderr.lower()
    done += finished_jobs(ended.stderr)
    assert len(done) == len(set(done)), "a finished job was run again"
    assert metrics(folder) == metrics(finished)
    assert half_written(folder) == []
    assert not list(folder.glob("results/mini/checkpoints/*/*"))
    verified = call(folder, "python", "scripts/verify_results.py", "--config", MINI[1])
    assert verified.returncode == 0, verified.stderr


def test_a_second_run_at_the_same_time_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project").resolve()
    first = Running(folder, tmp_path / "first.log")
    begun = wait_until(
        lambda: list(folder.glob(".snakemake/locks/*")) or first.process.poll() is not None, 120
    )
    assert begun and first.process.poll() is None, first.log.read_text()
    slices = {path: path.read_bytes() for path in folder.glob("results/mini/settings/**/*.json")}
    for arguments in ((), ("--config", "seeds=[5]"), ("--unlock",)):
        second = snakemake(folder, *MINI, *arguments)
        assert second.returncode == 1
        message = second.stderr.splitlines()[-1]
        assert message.startswith(
            f"error: results/mini: found another run (process {first.process.pid}), expected one at a time"
        )
    assert snakemake(folder, *MINI, "--dry-run", "--config", "seeds=[5]").returncode == 0
    for look in ("--dag", "--summary", "--list-rules"):
        assert snakemake(folder, *MINI, "--config", "seeds=[5]", look).returncode == 0, look
    assert {path: path.read_bytes() for path in folder.glob("results/mini/settings/**/*.json")} == slices
    assert first.process.poll() is None
    first.stop(signal.SIGINT)
    assert gone(folder), left_running(folder)
