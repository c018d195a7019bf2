"""Do a study's artifacts match the config and each other? Asked before DVC locks them.

A restored clone has no record of earlier runs, so an artifact of other settings could pass for current. Every
record says which settings file and which inputs made it; both are compared with what stands there now.
"""

import logging
import shutil
from pathlib import Path
from typing import Any

from semalign.errors import UserError
from semalign.files import read_json
from semalign.layout import Layout
from semalign.provenance import RECORD, check, digest

logger = logging.getLogger("semalign")


def find_stale(layout: Layout) -> dict[Path, str]:
    """Folder -> why it does not match, for every record below the study's results."""
    stale: dict[Path, str] = {}
    current: dict[str, str | None] = {}
    for path in sorted(Path(layout.root).rglob(RECORD)):
        reason = _mismatch(path.parent, layout, current)
        if reason:
            stale[path.parent] = reason
    return stale


def verify(layout: Layout) -> int:
    """Count the records, all of which match.

    Raises UserError naming the first that does not, and how many more there are.
    """
    stale = find_stale(layout)
    if stale:
        folder, reason = next(iter(stale.items()))
        more = f" (and {len(stale) - 1} more)" if len(stale) > 1 else ""
        raise UserError(
            f"{folder}: {reason}{more}; run scripts/verify_results.py --prune, then snakemake --cores all"
        )
    return len(list(Path(layout.root).rglob(RECORD)))


def prune(layout: Layout) -> list[Path]:
    """Remove what does not match, so that the next run makes it again; returns the removed folders."""
    removed = []
    while stale := find_stale(layout):  # what was made from a removed folder is stale in the next round
        for folder, reason in stale.items():
            logger.info("removing %s: %s", folder, reason)
            (folder / RECORD).unlink(missing_ok=True)
            if (folder / "metrics.json").is_file() and (folder / "transfer").is_dir():
                (folder / "metrics.json").unlink()  # the cell's transfer may still be good
            else:
                shutil.rmtree(folder)
            removed.append(folder)
    return removed


def _mismatch(folder: Path, layout: Layout, current: dict[str, str | None]) -> str | None:
    try:
        record: dict[str, Any] = check(folder)
    except (UserError, ValueError, KeyError) as error:
        return str(error)
    name = _settings_name(record, layout)
    if name is not None and layout.settings.get(name) != record["settings"]:
        return f"made with other settings than the config's ({name})"
    for kind, source in record["inputs"].items():
        path = source["path"]
        if path not in current:
            current[path] = _digest(path)
        if current[path] not in (None, source["digest"]):
            return f"made from another {kind} than the one in {path}"
    return None


def _settings_name(record: dict[str, Any], layout: Layout) -> str | None:
    prefix = f"{layout.root}/settings/"
    path = record["settings_file"] or ""
    return path.removeprefix(prefix).removesuffix(".json") if path.startswith(prefix) else None


def _digest(path: str) -> str | None:
    """The digest of an input as it stands; None where it is not there (a clone may hold results alone)."""
    if not Path(path).exists():
        return None
    try:
        record = Path(path) / RECORD
        return str(read_json(record)["digest"]) if Path(path).is_dir() else digest(path)
    except (OSError, UserError, ValueError, KeyError):
        return ""
