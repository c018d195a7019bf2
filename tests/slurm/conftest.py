"""A cluster for the session, and copies of the project that run on it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import Cluster
from faults import copy_with_small, finished_small
from packages import NoSlurmError

# a site's own settings, as its users would write them
SITE = """\
jobs: 3
slurm-init-seconds-before-status-checks: 2
slurm-status-command: squeue
latency-wait: 5
"""


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster of one node with two GPUs that are only counted, or a skip that says why there is none."""
    # not below pytest's folders, because the paths of sockets must be short
    folder = Path(tempfile.mkdtemp(prefix="semalign-cluster-"))
    try:
        started = Cluster(folder)
    except NoSlurmError as reason:
        shutil.rmtree(folder)
        pytest.skip(str(reason))
    try:
        started.start()
        yield started
    finally:
        started.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> Path:
    """The project after a run of the small study on this machine; not made without Slurm."""
    return finished_small(tmp_path_factory.mktemp("local") / "project")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project without results, with the site's profile in addition to its own."""
    folder = copy_with_small(tmp_path / "project")
    (folder / "site").mkdir()
    (folder / "site/config.yaml").write_text(SITE)
    return folder
