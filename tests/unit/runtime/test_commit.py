"""The commit that is named next to results."""

import subprocess
from pathlib import Path

from semalign.runtime.commit import current_commit


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    order = ["git", "-C", str(folder), *identity, *words]
    return subprocess.run(order, capture_output=True, text=True, check=True).stdout.strip()


def test_the_commit_and_whether_tracked_files_differ(tmp_path: Path) -> None:
    assert current_commit(tmp_path) is None
    git(tmp_path, "init")
    assert current_commit(tmp_path) is None  # no commit yet
    for name in ("src", "docs"):
        (tmp_path / name).write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--message", "first")
    head = git(tmp_path, "rev-parse", "HEAD")[:12]
    (tmp_path / "untracked").write_text("1")
    assert current_commit(tmp_path) == head
    (tmp_path / "docs").write_text("2")
    assert current_commit(tmp_path) == f"{head}+"
    assert current_commit(tmp_path, "src") == head


def test_a_folder_within_a_repository_is_not_the_repository(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / "inner").mkdir()
    assert current_commit(tmp_path / "inner") is None
