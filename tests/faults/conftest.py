"""An undisturbed run of a small study for all tests, and new copies of the project to disturb."""

import os
from pathlib import Path

import pytest
from faults import copy_with_small, finished_small


@pytest.fixture(scope="session", autouse=True)
def asked_for() -> None:
    """These take as long as all other tests together."""
    if not os.environ.get("SEMALIGN_TEST_FAULTS"):
        pytest.skip("set SEMALIGN_TEST_FAULTS=1, or run `make faults-test`")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after an undisturbed run of the small study. Do not change it."""
    return finished_small(tmp_path_factory.mktemp("undisturbed") / "project")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project without results."""
    return copy_with_small(tmp_path / "project")
