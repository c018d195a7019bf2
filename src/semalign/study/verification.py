"""Do a study's artifacts match the config, the code and each other? Asked before DVC locks them.

A restored clone has no record of earlier runs, and after a checkout the record may be of other runs, so an
artifact of other settings could pass for current. Every artifact's own record says which settings, which code and
which inputs made it; all are compared with what stands there now.
"""

import logging
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semalign.runtime.code import behind, digest_of
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json
from semalign.runtime.provenance import RECORD, check_record, digest, versions
from semalign.study.layout import Layout

logger = logging.getLogger("semalign")


def find_stale(layout: Layout) -> dict[Path, str]:
    """Record -> why what it describes does not match, for every record below the study's results."""
    present = _Present()
    reasons = ((path, _mismatch(path, layout, present)) for path in _records(layout))
    return {path: reason for path, reason in reasons if reason}


def verify(layout: Layout) -> int:
    """Count the records, all of which match.

    Raises UserError naming the first that does not, and how many more there are.
    """
    stale = find_stale(layout)
    if stale:
        path, reason = next(iter(stale.items()))
        more = f" (and {len(stale) - 1} more)" if len(stale) > 1 else ""
        raise UserError(
            f"{path}: {reason}{more}; run scripts/verify_results.py --prune, then snakemake --cores all"
        )
    for cell in map(layout.cell_folder, layout.cells):
        if not (Path(cell) / RECORD).is_file():
            raise UserError(f"{cell}/{RECORD}: missing; run snakemake --cores all")
    records = _records(layout)
    _warn_of_versions(records)
    return len(records)


def prune(layout: Layout) -> list[Path]:
    """Remove what does not match, so that the next run makes it again; returns the records."""
    removed = []
    while stale := find_stale(layout):  # what was made from a removed artifact may be stale in the next round
        for path, reason in stale.items():
            logger.info("removing what %s describes: %s", path, reason)
            _remove(path, Path(layout.root))
            removed.append(path)
    return removed


@dataclass
class _Present:
    """What stands there now, each looked at once."""

    digests: dict[str, str | None] = field(default_factory=dict)
    codes: dict[tuple[str, ...], str] = field(default_factory=dict)

    def digest(self, path: str) -> str | None:
        """The digest of an input; None where it is not there."""
        if path not in self.digests:
            self.digests[path] = _digest(Path(path))
        return self.digests[path]

    def code(self, script: str, modules: list[str]) -> str:
        """The digest of the code behind a script."""
        key = (script, *modules)
        if key not in self.codes:
            self.codes[key] = digest_of(behind(script, modules)) if Path(script).is_file() else ""
        return self.codes[key]


def _records(layout: Layout) -> list[Path]:
    root = Path(layout.root)
    return sorted([*root.rglob(RECORD), *(root / "records").rglob("*.json")])


def _mismatch(path: Path, layout: Layout, present: _Present) -> str | None:
    try:
        record = check_record(path, path.parent if path.name == RECORD else Path())
        if not layout.lists(path):
            return "not a part of the config's study"
        return _of_settings(record, layout) or _of_code(record, present) or _of_inputs(record, present)
    except UserError as error:
        return str(error)
    except (ValueError, KeyError, TypeError, AttributeError):
        return "not a record of this version"


def _of_settings(record: dict[str, Any], layout: Layout) -> str | None:
    prefix = f"{layout.root}/settings/"
    path = record["settings_file"] or ""
    name = path.removeprefix(prefix).removesuffix(".json")
    if path.startswith(prefix) and layout.settings.get(name) != record["settings"]:
        return f"made with other settings than the config's ({name})"
    return None


def _of_code(record: dict[str, Any], present: _Present) -> str | None:
    code = record["code"]
    if code and present.code(code["script"], code["modules"]) != code["digest"]:
        return f"made by other code than what stands behind {code['script']} now"
    return None


def _of_inputs(record: dict[str, Any], present: _Present) -> str | None:
    """A missing input counts: Snakemake makes nothing again for it, so what was made from it must go too."""
    for kind, source in record["inputs"].items():
        now = present.digest(source["path"])
        if now is None:
            return f"made from {source['path']}, which is not there"
        if now != source["digest"]:
            return f"made from another {kind} than the one in {source['path']}"
    return None


def _digest(path: Path) -> str | None:
    if not path.exists():
        return None
    try:
        return str(read_json(path / RECORD)["digest"]) if path.is_dir() else digest(path)
    except (OSError, UserError, ValueError, KeyError):
        return ""


def _remove(path: Path, root: Path) -> None:
    """Remove what a record describes: a folder, a cell's scores (its transfer and answers may be good), or files."""
    folder = path.parent
    if path.name == RECORD and not any((folder / name).is_dir() for name in ("transfer", "answers")):
        shutil.rmtree(folder, ignore_errors=True)
        return
    base = folder if path.name == RECORD else Path()
    for file in (Path(os.path.normpath(base / name)) for name in _outputs(path)):
        if file.is_relative_to(root):  # whatever a damaged record may name
            file.unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _outputs(path: Path) -> list[str]:
    try:
        return list(read_json(path)["outputs"])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _warn_of_versions(records: list[Path]) -> None:
    now = versions()
    recorded = {pair for path in records for pair in read_json(path)["versions"].items()}
    others = {f"{name} {then}, now {now[name]}" for name, then in recorded if now.get(name, then) != then}
    if others:
        logger.warning("warning: some artifacts were made with other versions: %s", "; ".join(sorted(others)))
