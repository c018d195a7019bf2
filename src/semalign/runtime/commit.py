"""The commit that a repository is at."""

import subprocess
from pathlib import Path

CHANGED = "+"
TIMEOUT = 30  # seconds; git may wait for another process's lock


def current_commit(root: Path, *paths: str) -> str | None:
    """The first 12 digits of the commit of the repository at `root`, with `+` appended if tracked files differ.

    Only changes below `paths` count, if any are given. None if `root` is not the top of a repository, or without git.
    """
    if not (root / ".git").exists():
        return None
    try:
        head = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", *paths)
    except (OSError, subprocess.SubprocessError):
        return None
    return head[:12] + (CHANGED if changed else "")


def _git(root: Path, *words: str) -> str:
    order = ["git", "-C", str(root), *words]
    return subprocess.run(order, capture_output=True, text=True, check=True, timeout=TIMEOUT).stdout.strip()
