"""Runs of the workflow in copies of the project, as the tests start them and read them."""

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

TIMINGS = ("train_seconds", "peak_memory_mb", "search_seconds", "signal_seconds", "signal_memory_mb")

Finished = subprocess.CompletedProcess[str]


def environment(folder: Path) -> dict[str, str]:
    """The environment of a run in a copy: the copy's own library, one thread a process, offline."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SEMALIGN_")}
    return inherited | {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }


def call(folder: Path, *command: str, seconds: float = 1200) -> Finished:
    """Run a command of this environment in a copy of the project, whatever its exit status."""
    return subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=seconds
    )


def snakemake(folder: Path, *arguments: str) -> Finished:
    """A real run on two cores must name its target or a config file among `arguments`."""
    return call(folder, "snakemake", "--cores", "2", *arguments)


def planned(ended: Finished) -> Counter[str]:
    """Rule -> jobs in the table that a dry run prints."""
    assert ended.returncode == 0, ended.stderr
    table = re.search(r"^job +count\n-+ +-+\n(.*?)\ntotal", ended.stdout, re.MULTILINE | re.DOTALL)
    assert table, ended.stdout
    return Counter(
        {name: int(count) for name, count in re.findall(r"^(\S+) +(\d+)$", table[1], re.MULTILINE)}
    )


def copy_project(folder: Path) -> Path:
    """What the workflow needs, without results."""
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(
                ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "cache", "tmp")
            )
    for name in FILES:
        if (ROOT / name).is_file():
            shutil.copy2(ROOT / name, folder / name)
    return folder


def metrics(folder: Path) -> dict[str, dict[str, object]]:
    """Cell -> its metrics.json without what depends on the machine's mood."""
    found = {}
    for path in sorted(folder.glob("results/mini/cells/**/metrics.json")):
        values = json.loads(path.read_text())
        found[str(path.relative_to(folder))] = {k: v for k, v in values.items() if k not in TIMINGS}
    return found


def dvc(folder: Path, *arguments: str) -> Finished:
    """DVC in a copy under git; it must end well."""
    ended = call(folder, "python", "-m", "dvc", *arguments)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended


def git(folder: Path, *arguments: str) -> str:
    """What git prints in a copy; it must end well."""
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    ended = call(folder, "git", *identity, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
