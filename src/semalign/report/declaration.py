"""The metadata of a notebook: the tables it reads, the figures it draws, its caption."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from semalign.report.figures.registry import FIGURES
from semalign.runtime.columns import COLUMNS
from semalign.runtime.errors import UserError
from semalign.runtime.suggestions import one_of

KEY = "semalign"


class Declaration(NamedTuple):
    """`reads` names the study's tables that are read, `figures` the figures that are drawn, both without suffix."""

    caption: str
    reads: list[str]
    figures: list[str]


def read_declaration(name: str, folder: Path = Path("notebooks")) -> Declaration:
    """The declaration of the notebook `name` in a folder.

    Raises UserError if there is no such notebook, or if its metadata lacks a part.
    """
    path = folder / f"{name}.ipynb"
    if not path.is_file():
        names = sorted(each.stem for each in folder.glob("*.ipynb"))
        raise UserError(f"notebooks: found {name!r}, expected {one_of(name, names)}")
    try:
        own = json.loads(path.read_text(encoding="utf-8"))["metadata"][KEY]
        declared = Declaration(str(own["caption"]), list(own["reads"]), list(own["figures"]))
    except (ValueError, KeyError, TypeError):
        raise UserError(
            f"{path}: found no metadata {KEY!r} with caption, reads and figures, expected it at the end of the file"
        ) from None
    _check_names(f"{path}: reads", declared.reads, [f"{table}.csv" for table in COLUMNS])
    _check_names(f"{path}: figures", declared.figures, FIGURES)
    return declared


def _check_names(key: str, names: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            raise UserError(f"{key}: found {name!r}, expected {one_of(name, known)}")
