"""Fixtures: copies of the project for tests that run the workflow, and a finished miniature study that they share."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import MINI, copy_project, run_project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project without results, for tests that only plan a run."""
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after a complete run of the miniature study. Tests must not change it; see `study`.

    The first pytest-xdist worker that needs it makes it; the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            run_project(tmp_path_factory.mktemp("making"), *MINI).rename(folder)
    return folder


@pytest.fixture
def study(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished study that a test may change."""
    return shutil.copytree(finished, tmp_path / "study", symlinks=True)


@pytest.fixture
def edit(study: Path) -> Callable[[str, str], None]:
    """A function that replaces a piece of text in the miniature config of `study`."""

    def replace(old: str, new: str) -> None:
        path = study / MINI[1]
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))

    return replace
