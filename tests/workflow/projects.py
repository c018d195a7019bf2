"""Helpers that copy the project, run the workflow in the copy, and read the result."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
MINI = ("--configfile", "tests/workflow/mini.yaml")
PARTS = ("workflow", "scripts", "src", "notebooks", "config", "slurm", "tests/workflow", ".dvc")
FILES = ("environment.yml", "requirements.lock", "pyproject.toml", "dvc.yaml", ".dvcignore", ".gitignore")

TIMINGS = (
    *("train_seconds", "peak_memory_mb", "search_seconds", "signal_seconds", "signal_memory_mb"),
    *("seed_seconds", "study_seconds", "grid_seconds", "seconds_ratio"),
)

Finished = subprocess.CompletedProcess[str]


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a run in a copy: the copy's own library, one thread per process, offline."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SEMALIGN_")}
    return inherited | {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }


def call(folder: Path, *command: str, seconds: float = 1200) -> Finished:
    """Run a command of this environment in a copy of the project, without checking its exit status."""
    return subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=seconds
    )


def snakemake(folder: Path, *arguments: str) -> Finished:
    """Run Snakemake on two cores; `arguments` of a real run must contain a target or a config file."""
    return call(folder, "snakemake", "--cores", "2", *arguments)


def planned(ended: Finished) -> Counter[str]:
    """Return rule -> number of jobs, from the table that a dry run prints."""
    assert ended.returncode == 0, ended.stderr
    table = re.search(r"^job +count\n-+ +-+\n(.*?)\ntotal", ended.stdout, re.MULTILINE | re.DOTALL)
    assert table, ended.stdout
    return Counter(
        {name: int(count) for name, count in re.findall(r"^(\S+) +(\d+)$", table[1], re.MULTILINE)}
    )


def copy_project(folder: Path) -> Path:
    """Copy all files that the workflow needs, without results."""
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(
                ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "cache", "tmp")
            )
    for name in FILES:
        if (ROOT / name).is_file():
            shutil.copy2(ROOT / name, folder / name)
    return folder


def run_project(folder: Path, *arguments: str) -> Path:
    """Copy the project into a folder and run it to the end there."""
    ended = snakemake(copy_project(folder), *arguments)
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]
    return folder


def metrics(folder: Path) -> dict[str, dict[str, object]]:
    """Return cell -> content of its metrics.json without timings."""
    cells = {}
    for path in sorted(folder.glob("results/mini/cells/**/metrics.json")):
        values = json.loads(path.read_text())
        cells[str(path.relative_to(folder))] = {k: v for k, v in values.items() if k not in TIMINGS}
    return cells


def dvc(folder: Path, *arguments: str) -> Finished:
    """Run DVC in a copy under git and check that it succeeds."""
    ended = call(folder, "python", "-m", "dvc", *arguments)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended


def git(folder: Path, *arguments: str) -> str:
    """Run git in a copy, check that it succeeds, and return what it prints."""
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    ended = call(folder, "git", *identity, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
