"""Which artifacts in a study's folder belong to the study, according to its present config."""

from pathlib import Path
from typing import Any

from semalign.study.layout.folders import Folders
from semalign.study.layout.settings import trials_and_further
from semalign.study.oracles import cells_behind


def lists(folders: Folders, settings: dict[str, Any], record: Path) -> bool:
    """Return whether the artifact of a record belongs to the study, by its cell, pair, benchmark or notebook."""
    kind, *names = record.relative_to(folders.root).parts
    if kind == "cells":
        read = cells_behind(folders.signal_folders("oracle"), settings)
        return "/".join(names[:5]) in {cell.path for cell in (*folders.cells, *read)}
    if kind == "validation":
        return "/".join(names[:5]) in {cell.path for cell in folders.ranked()}
    if kind == "scores":
        return "/".join([folders.root, kind, *names[:3]]) in folders.score_folders()
    if kind == "answered":
        return str(record.parent) in folders.answered_folders()
    if kind == "checks" and names[0] == "pairs":
        return (names[1], names[2]) in folders.checked()
    if kind == "checks":
        return "/".join([folders.root, *names[:4]]) in folders.score_folders()
    if kind == "signals":
        return (names[0], names[1]) in {(cell.pair, cell.benchmark) for cell in folders.cells}
    if kind in ("choices", "search"):
        return _lists_search(folders, kind, names)
    if names[0] == "export":
        return (names[1], record.stem) in folders.exports()
    if names[0] == "notebooks":
        return record.stem in folders.study.notebooks
    return True


def _lists_search(folders: Folders, kind: str, names: list[str]) -> bool:
    """Whether a choice or a trial belongs to the study; so does a trial that may follow beyond a grid."""
    pair, benchmark, method, variant = names[:4]
    searched = folders.searched()
    if kind == "search" and (pair, benchmark) in {search[:2] for search in searched}:
        folder = f"{folders.root}/search/{'/'.join(names[:5])}"
        if folder == folders.untouched(pair, benchmark):
            return True
    if (pair, benchmark, method, variant) not in searched:
        return False
    return kind == "choices" or names[4] in trials_and_further(folders.study, method, variant)
