"""The commits of hub models that a config leaves `locked`: one file for all configs, written by a command.

A commit hash can only be asked from the hub. `scripts/pin_revisions.py` asks where there is a connection and writes
it down; from then on it is part of the model's settings, and another one prepares the model anew.
"""

from pathlib import Path
from typing import Any

import yaml

from semalign.runtime.errors import UserError

LOCKED = "locked"
FILE = Path("config/revisions.lock")


def read_revisions(path: Path = FILE) -> dict[str, str]:
    """Repository -> commit; nothing where the file is missing. Raises UserError where it is not such a mapping."""
    if not path.is_file():
        return {}
    commits = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    if not isinstance(commits, dict) or not all(
        isinstance(item, str) for pair in commits.items() for item in pair
    ):
        raise UserError(f"{path}: found something else, expected lines of the form `owner/name: commit`")
    return commits


def with_revisions(data: dict[str, Any]) -> dict[str, Any]:
    """A config as read, with the commit of every `locked` model where the file has one."""
    models = data.get("models")
    if not isinstance(models, dict) or not any(map(_is_locked, models.values())):
        return data
    known = read_revisions()
    pinned = {
        name: model | {"revision": known.get(model.get("repository", ""), LOCKED)}
        if _is_locked(model)
        else model
        for name, model in models.items()
    }
    return {**data, "models": pinned}


def not_pinned(repository: str) -> str:
    """The line for a model whose commit is not known."""
    return (
        f"model {repository}: no commit in {FILE}, expected one; run `python scripts/pin_revisions.py` with this "
        "config where the hub can be reached, or give `revision:`"
    )


def write_revisions(commits: dict[str, str], path: Path = FILE) -> None:
    """Add commits to the file, in the order of their names; what stands above the first entry is kept."""
    from semalign.runtime.files import write_text

    before = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    head = [line for line in before if line.startswith("#")]
    known = read_revisions(path) | commits
    lines = [f"{repository}: {known[repository]}" for repository in sorted(known, key=str.lower)]
    write_text(path, "\n".join([*head, *lines]) + "\n")


def _is_locked(model: Any) -> bool:
    return isinstance(model, dict) and model.get("source") == "hub" and model.get("revision") == LOCKED
