"""A disk that fills up during a run: one clear line per failed stage, nothing damaged, and the next run continues."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults import SMALL, assert_alike
from projects import call, snakemake

pytestmark = [
    pytest.mark.study,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small file system"),
]


@pytest.fixture
def resize(project: Path) -> Iterator[Callable[[int], None]]:
    """Put the results on a separate file system; returns a function that sets its size in kilobytes."""
    results = project / "results"
    results.mkdir()

    def mount(*options: str) -> "subprocess.CompletedProcess[str]":
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(results)]
        return subprocess.run(command, capture_output=True, text=True)

    if mount("size=1m").returncode:
        pytest.skip("this machine lets nobody mount a file system")

    def change(kilobytes: int) -> None:
        assert mount("remount", f"size={kilobytes}k").returncode == 0

    yield change
    subprocess.run(["umount", "--lazy", str(results)], check=True)


def test_a_full_disk_is_one_line_and_the_next_run_goes_on(
    project: Path, undisturbed: Path, resize: Callable[[int], None]
) -> None:
    used = [path.stat().st_blocks // 2 for path in (undisturbed / "results").rglob("*")]
    for share in (0.1, 0.5):
        resize(int(sum(used) * share))
        ended = snakemake(project, *SMALL)
        said = ended.stdout + ended.stderr
        assert ended.returncode == 1, said
        assert "the disk is full while writing " in said
        assert "Traceback" not in said, said
        checked = call(project, "python", "scripts/verify_results.py", "--config", SMALL[1])
        assert "does not match its provenance" not in checked.stderr
    resize(10 * sum(used))
    ended = snakemake(project, *SMALL)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    assert_alike(project, undisturbed)
