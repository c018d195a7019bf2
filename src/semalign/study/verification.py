"""Check that a study's artifacts match the config, the code and each other, before DVC locks them.

Snakemake's metadata does not suffice: a restored clone has none, and after a checkout it may describe other runs, so
that an artifact made with other settings looks current. Each artifact's own record names the settings, code and inputs
that it was made with. They are compared with the present ones.
"""

import logging
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semalign.runtime.code import dependencies_of, digest_of
from semalign.runtime.errors import Problems, UserError
from semalign.runtime.files import read_json
from semalign.runtime.provenance import (
    RECORD,
    RECORDS,
    check_record,
    file_digest,
    versions,
)
from semalign.study.layout import Layout

logger = logging.getLogger("semalign")


def find_stale(layout: Layout) -> dict[Path, str]:
    """Return record -> reason, for every record in the study's results whose artifact does not match."""
    present = _Present()
    reasons = ((path, _mismatch(path, layout, present)) for path in _records(layout))
    return {path: reason for path, reason in reasons if reason}


def verify(layout: Layout) -> int:
    """Return the number of records if all of them match.

    Raises UserError, which names the first one that does not match and how many more there are.
    """
    stale = find_stale(layout)
    if stale:
        path, reason = next(iter(stale.items()))
        more = f" (and {len(stale) - 1} more)" if len(stale) > 1 else ""
        raise UserError(f"{path}: {reason}{more}; run the same command with --prune, then snakemake")
    for cell in map(layout.cell_folder, layout.cells):
        if not (Path(cell) / RECORD).is_file():
            raise UserError(f"{cell}/{RECORD}: missing; run snakemake --cores all")
    records = _records(layout)
    _warn_of_versions(records)
    return len(records)


def check_tables(layout: Layout, config: str = "<config file>") -> None:
    """Compare the tables, which pages and other tables are made from, with their records.

    A rerun would publish an edited table, or fail on a damaged one after Snakemake has removed the pages made from it.
    Raises UserError, one line per table that differs. To delete such a table would not help: Snakemake does not make it
    again while the pages exist. `config` is the config file to name in the message.
    """
    problems = Problems()
    for path in sorted((Path(layout.root) / RECORDS).rglob("*.json")):
        for name, recorded in _recorded_tables(path, layout.root).items():
            if Path(name).is_file() and file_digest(Path(name)) != recorded:
                problems.add(
                    f"{name}: found another content than the one that the study wrote (see {path}); to have it written "
                    f"again: python scripts/verify_results.py --prune --config {config}, then start the run again"
                )
    problems.check()


def _recorded_tables(path: Path, root: str) -> dict[str, str]:
    """The digests of the tables that a record names; empty if the record is damaged, since its job then runs again."""
    try:
        outputs = dict(read_json(path)["outputs"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {
        name: digest
        for name, digest in outputs.items()
        if name.startswith((f"{root}/tables/", f"{root}/analysis/"))
    }


def prune(layout: Layout) -> list[Path]:
    """Remove artifacts that do not match, so that the next run recreates them; returns their records."""
    removed = []
    while stale := find_stale(layout):  # removing an artifact makes those that were made from it stale
        for path, reason in stale.items():
            logger.info("removing what %s describes: %s", path, reason)
            _remove(path, Path(layout.root))
            removed.append(path)
    return removed


OF_PAIRS = (
    "checks",
    "signals",
    "search",
    "choices",
    "cells",
    "validation",
    "records",
)  # folders with artifacts of a pair


@dataclass
class _Present:
    """Cache of the digests of inputs and code as they are now."""

    digests: dict[str, str | None] = field(default_factory=dict)
    codes: dict[tuple[str, ...], str] = field(default_factory=dict)

    def digest(self, path: str) -> str | None:
        """Return the digest of an input, or None if it is missing."""
        if path not in self.digests:
            self.digests[path] = _digest(Path(path))
        return self.digests[path]

    def code(self, script: str, modules: list[str]) -> str:
        """Return the digest of all code that a script depends on; empty if there is no such script."""
        key = (script, *modules)
        if key not in self.codes:
            self.codes[key] = digest_of(dependencies_of(script, modules)) if Path(script).is_file() else ""
        return self.codes[key]


def _records(layout: Layout) -> list[Path]:
    root = Path(layout.root)
    return sorted([*root.rglob(RECORD), *(root / "records").rglob("*.json")])


def _mismatch(path: Path, layout: Layout, present: _Present) -> str | None:
    """Return why the artifact of a record does not match, or None if it does."""
    try:
        record = check_record(path, path.parent if path.name == RECORD else Path())
        if not layout.lists(path):
            return "not part of the config's study"
        return (
            _settings_mismatch(record, layout)
            or _code_mismatch(record, present)
            or _role_mismatch(record, path, layout)
            or _input_mismatch(record, present)
        )
    except UserError as error:
        return str(error).partition("; ")[0]  # the advice to prune suits every reason
    except (ValueError, KeyError, TypeError, AttributeError):
        return "not a record of this version"


def _settings_mismatch(record: dict[str, Any], layout: Layout) -> str | None:
    prefix = f"{layout.root}/settings/"
    path = record["settings_file"] or ""
    name = path.removeprefix(prefix).removesuffix(".json")
    if path.startswith(prefix) and layout.settings.get(name) != record["settings"]:
        return f"made with other settings than the config's ({name})"
    return None


def _code_mismatch(record: dict[str, Any], present: _Present) -> str | None:
    code = record["code"]
    if code and present.code(code["script"], code["modules"]) != code["digest"]:
        return f"made with another version of the code that {code['script']} runs"
    return None


def _role_mismatch(record: dict[str, Any], path: Path, layout: Layout) -> str | None:
    """Compare the teacher and the student of a record with those of its pair, which may have changed places."""
    pair = next(
        (name for name in path.relative_to(layout.root).parts[1:] if name in layout.study.pairs), None
    )
    if pair is None:
        return None
    for role, model in zip(("teacher", "student"), layout.models_of(pair), strict=True):
        made_from = record["inputs"].get(role, {}).get("path")
        if made_from not in (None, f"{layout.root}/models/{model}"):
            return f"made with {Path(made_from).name} as the {role}, which is {model} in the config"
    return None


def _input_mismatch(record: dict[str, Any], present: _Present) -> str | None:
    """Compare the inputs of a record with the present ones.

    A missing input is a mismatch too. Snakemake does not recreate a missing intermediate file while the files made from
    it exist, so those files must be removed as well.
    """
    for kind, source in record["inputs"].items():
        current = present.digest(source["path"])
        if current is None:
            return f"made from {source['path']}, which does not exist"
        if current != source["digest"]:
            return f"made from another {kind} than the one in {source['path']}"
    return None


def _digest(path: Path) -> str | None:
    """Return the digest of a file, or the one in the record of a folder; None if missing, empty if unreadable."""
    if not path.exists():
        return None
    try:
        return str(read_json(path / RECORD)["digest"]) if path.is_dir() else file_digest(path)
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _remove(path: Path, root: Path) -> None:
    """Remove the artifact of a record: a whole folder, or only the files that the record names.

    The folder of a cell also contains the folders `transfer` and `answers`. They have their own records and may
    match, so only the files of the scores are removed there.
    """
    folder = path.parent
    if path.name == RECORD and not any((folder / name).is_dir() for name in ("transfer", "answers")):
        shutil.rmtree(folder, ignore_errors=True)
        return
    base = folder if path.name == RECORD else Path()
    for file in (Path(os.path.normpath(base / name)) for name in _outputs(path)):
        if file.is_relative_to(root):  # a damaged record may name files outside the results
            file.unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _outputs(path: Path) -> list[str]:
    """Return the files that a record names; empty if the record is damaged."""
    try:
        return list(read_json(path)["outputs"])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _warn_of_versions(records: list[Path]) -> None:
    installed = versions()
    recorded = {pair for path in records for pair in read_json(path)["versions"].items()}
    others = {
        f"{name} {version}, now {installed[name]}"
        for name, version in recorded
        if installed.get(name, version) != version
    }
    if others:
        logger.warning("warning: some artifacts were made with other versions: %s", "; ".join(sorted(others)))
