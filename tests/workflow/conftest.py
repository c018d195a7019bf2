"""A copy of the project for every test that runs the workflow, and one finished miniature study for all."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
MINI = ("--configfile", "tests/workflow/mini.yaml")
PARTS = ("workflow", "scripts", "src", "notebooks", "config", "slurm", "tests/workflow", ".dvc")
FILES = ("environment.yml", "requirements.lock", "pyproject.toml", "dvc.yaml", ".dvcignore", ".gitignore")

TIMINGS = (*("train_seconds", "peak_memory_mb", "search_seconds", "signal_seconds", "signal_memory_mb"),)

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


def call(folder: Path, *command: str, seconds: float = 300) -> Finished:
    """Run a command of this environment in a copy of the project, whatever its exit status."""
    return subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=seconds
    )


def snakemake(folder: Path, *arguments: str) -> Finished:
    """A real run on two cores must name its target or a config file among `arguments`."""
    return call(folder, "snakemake", "--cores", "2", *arguments)


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


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project without results, for tests that plan but don't run."""
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after an undisturbed run of the miniature study. Not to be changed: see `study`."""
    folder = copy_project(tmp_path_factory.mktemp("finished"))
    ended = snakemake(folder, *MINI)
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]
    return folder


@pytest.fixture
def study(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished study that a test may change."""
    return shutil.copytree(finished, tmp_path / "study", symlinks=True)


@pytest.fixture
def edit(study: Path) -> Callable[[str, str], None]:
    """Replace one piece of text in the copy's miniature config."""

    def replace(old: str, new: str) -> None:
        path = study / MINI[1]
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))

    return replace


def metrics(folder: Path) -> dict[str, dict[str, object]]:
    """Cell -> its metrics.json without what depends on the machine's mood."""
    found = {}
    for path in sorted(folder.glob("results/mini/cells/**/metrics.json")):
        values = json.loads(path.read_text())
        found[str(path.relative_to(folder))] = {k: v for k, v in values.items() if k not in TIMINGS}
    return found
