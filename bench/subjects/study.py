"""The default study from scratch, with nothing to do, and one cell again; planning the largest study.

Everything runs in a copy of the repository.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

from bench.machine import ROOT
from bench.subject import Case, Check, Goal, Sides, Size, Subject

LARGEST = "config/tiny-full.yaml"
CELL = "results/tiny/cells/tiny/facts/semalign/map~random/seed0"
_KEPT: list[Any] = []  # the copy is removed when the process ends


@cache
def copy() -> Path:
    """Copy the files that git tracks, in their current state, to a separate folder."""
    folder = tempfile.TemporaryDirectory()
    _KEPT.append(folder)
    order = ["git", "-C", str(ROOT), "ls-files", "-z"]
    names = subprocess.run(order, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (Path(folder.name) / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, Path(folder.name) / name)
    return Path(folder.name)


def snakemake(*arguments: str) -> tuple[int, float]:
    """Exit status and seconds of a run in the copy."""
    folder = copy()
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    order = [sys.executable, "-m", "snakemake", "--cores", "all", *arguments]
    ended = subprocess.run(order, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return ended.returncode, time.perf_counter() - start


@cache
def cold() -> tuple[int, float]:
    """The study from scratch, run once per process."""
    return snakemake()


def build(size: Size, device: str) -> Sides:
    """The side of a case, which depends on `work`."""
    if size["work"] not in ("cold", "plan"):
        cold()

    def ours() -> tuple[int, float]:
        if size["work"] == "cold":
            return cold()
        if size["work"] == "plan":
            return snakemake("--dry-run", "--configfile", LARGEST)
        if size["work"] == "cell":
            shutil.rmtree(copy() / CELL)
            return snakemake(CELL)
        return snakemake()

    def check(mine: tuple[int, float], _theirs: Any) -> Check:
        there = size["work"] == "plan" or (copy() / CELL / "metrics.json").is_file()
        return Check("failures (non-zero exit or missing cell)", float(mine[0] + (not there)), 0)

    return Sides(ours, None, check)


def _case(name: str, work: str, repeats: int, seconds: float) -> Case:
    return Case(name, {"work": work}, repeats, warm=False, memory=False, goal=Goal(seconds=seconds))


SUBJECT = Subject(
    "the default study",
    "",
    {
        "cpu": (
            _case("from nothing", "cold", 1, 600),
            _case("nothing to do", "idle", 3, 20),
            _case("one cell again", "cell", 3, 60),
            _case("planning study tiny-full", "plan", 3, 10),
        )
    },
    build,
)
