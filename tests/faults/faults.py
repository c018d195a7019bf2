"""Shared parts of the fault tests: the small study, comparison of its tables, and a thread that kills its jobs."""

import csv
import json
import os
import shutil
import signal
import threading
from pathlib import Path

from projects import ROOT, TIMINGS, copy_project, metrics, snakemake

SMALL = ("--configfile", "tests/faults/small.yaml")
SCRIPTS = sorted(path.stem for path in (ROOT / "scripts").glob("*.py"))
# by hand only
NOT_STAGES = {
    *("document_config", "lock_versions", "pin_revisions", "plan_costs"),
    *("verify_results", "write_results"),
}


def copy_with_small(folder: Path) -> Path:
    """Copy the project and add the small study."""
    copy_project(folder)
    (folder / "tests/faults").mkdir()
    shutil.copy2(ROOT / SMALL[1], folder / SMALL[1])
    return folder.resolve()


def finished_small(folder: Path) -> Path:
    """Copy the project and run the small study on this machine."""
    copy_with_small(folder)
    ended = snakemake(folder.resolve(), *SMALL)
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]
    return folder.resolve()


def tables(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Table -> its rows as text, without columns that vary between runs."""
    found = {}
    for path in sorted(folder.glob("results/mini/tables/*.csv")):
        with path.open(newline="") as file:
            rows = [
                {k: v for k, v in row.items() if not k.startswith(TIMINGS)} for row in csv.DictReader(file)
            ]
        found[path.name] = rows
    return found


def choices(folder: Path) -> dict[str, dict[str, object]]:
    """The choice of every search, without its time."""
    return {
        str(path.relative_to(folder)): {**json.loads(path.read_text()), "seconds": None}
        for path in sorted(folder.glob("results/mini/choices/**/choice.json"))
    }


def weights(folder: Path) -> dict[str, bytes]:
    """The tensors of every model, signal and transfer, byte for byte."""
    paths = sorted(folder.glob("results/mini/**/*.safetensors"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def assert_alike(folder: Path, expected: Path, whole: bool = True) -> None:
    """Assert the same tables, scores and tensors as in an undisturbed run, and no remains of what was killed.

    A run that was not for the `whole` study may have fewer tables, but must have the main one.
    """
    found, wanted = tables(folder), tables(expected)
    assert "main.csv" in found
    assert found == (wanted if whole else {name: wanted[name] for name in found})
    assert metrics(folder) == metrics(expected)
    assert choices(folder) == choices(expected)
    assert weights(folder) == weights(expected)
    assert list((folder / "results").rglob(".*.partial")) == []
    assert not list(folder.glob("results/mini/checkpoints/*/*"))


def jobs_in(folder: Path) -> dict[int, str]:
    """Process -> the script it runs, for the jobs that run in a folder."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_text().split("\0")
            if len(words) > 1 and words[1].startswith("scripts/") and (process / "cwd").readlink() == folder:
                found[int(process.name)] = Path(words[1]).stem
        except OSError:
            continue
    return found


class Hunter(threading.Thread):
    """Kills the first job of every script, shortly after it appears; next time sooner if it ended before that."""

    def __init__(self, folder: Path, number: signal.Signals, delay: float = 0.1) -> None:
        super().__init__(daemon=True)
        self.folder, self.number, self.delay = folder, number, delay
        self.killed: set[str] = set()
        self.ended = threading.Event()

    def __enter__(self) -> "Hunter":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.join()

    def run(self) -> None:
        delays = dict.fromkeys(SCRIPTS, self.delay)
        while not self.ended.wait(0.02):
            fresh = {pid: name for pid, name in jobs_in(self.folder).items() if name not in self.killed}
            if not fresh or self.ended.wait(min(delays[name] for name in fresh.values())):
                continue
            still = jobs_in(self.folder)
            for pid, name in fresh.items():
                if still.get(pid) != name:
                    delays[name] /= 2
                elif name not in self.killed:
                    os.kill(pid, self.number)
                    self.killed.add(name)
