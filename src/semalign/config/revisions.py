"""Commits of the hub models whose revision is `locked` in a config, in one lock file for all configs.

Only the hub knows the commit hash of a revision. `scripts/pin_revisions.py` asks for it, on a machine with internet,
and writes it to the lock file. The commit is part of the model's settings, so a new commit reruns its preparation.
"""

from pathlib import Path
from typing import Any

from semalign.config.reading import parse, read_text
from semalign.runtime.errors import UserError

LOCKED = "locked"
FILE = Path("config/revisions.lock")


def read_revisions(path: Path = FILE) -> dict[str, str]:
    """Read repository -> commit, empty if the file is missing. Raises UserError if the file has another form."""
    if not path.is_file():
        return {}
    commits, problems = parse(read_text(path), str(path))
    problems.check()
    commits = commits or {}
    if not isinstance(commits, dict) or not all(
        isinstance(item, str) for pair in commits.items() for item in pair
    ):
        raise UserError(f"{path}: found other content, expected lines of the form `owner/name: commit`")
    return commits


def with_revisions(data: dict[str, Any]) -> dict[str, Any]:
    """Replace `locked` by the commit in the lock file, for every model that has one there."""
    models = data.get("models")
    if not isinstance(models, dict) or not any(map(_is_locked, models.values())):
        return data
    known = read_revisions()
    pinned = {
        name: model | {"revision": known.get(str(model.get("repository", "")), LOCKED)}
        if _is_locked(model)
        else model
        for name, model in models.items()
    }
    return {**data, "models": pinned}


def not_pinned(repository: str) -> str:
    """Return the error message for a model without a commit in the lock file."""
    return (
        f"model {repository}: no commit in {FILE}, expected one; run `python scripts/pin_revisions.py` with this "
        "config on a machine that can reach the hub, or set `revision:`"
    )


def write_revisions(commits: dict[str, str], path: Path = FILE) -> None:
    """Add commits to the lock file, sorted by repository; comments are kept at the top."""
    from semalign.runtime.files import write_text

    before = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    head = [line for line in before if line.startswith("#")]
    known = read_revisions(path) | commits
    lines = [f"{repository}: {known[repository]}" for repository in sorted(known, key=str.lower)]
    write_text(path, "\n".join([*head, *lines]) + "\n")


def _is_locked(model: Any) -> bool:
    return isinstance(model, dict) and model.get("source") == "hub" and model.get("revision") == LOCKED
