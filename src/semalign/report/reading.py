"""Reading a study's tables for figures and notebooks."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from semalign.report.levels import STANDARD, Levels, read_levels
from semalign.runtime.columns import COLUMNS, KEYS, LATER
from semalign.runtime.errors import UserError
from semalign.runtime.provenance import check_file

# Columns of names, even if they look like numbers ("value" of an ablation) or like missing values ("none").
TEXT = (
    *KEYS,
    "other",
    "axis",
    "value",
    "model",
    "bases",
    "interface",
    "kind",
    "reference",
    "comparison",
    "name",
    "map",
    "term",
    "part",
    "table",
    "against",
    "baseline",
    "below",
    "test",
    "protocol",
    "metric",
    "published_source",
    "isolation",
    "settings",
    "change",
    "id",
    "prompt",
    "student_text",
    "adapter_text",
)
YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Tables(dict[str, pd.DataFrame]):
    """Tables of a study by name, and the levels that they were computed with."""

    def __init__(self, tables: Mapping[str, pd.DataFrame], levels: Levels) -> None:
        super().__init__(tables)
        self.levels = levels


def levels_of(tables: Mapping[str, pd.DataFrame]) -> Levels:
    """The levels of these tables; the default ones for plain data frames."""
    return tables.levels if isinstance(tables, Tables) else STANDARD


def read_table(folder: Path | str, name: str) -> pd.DataFrame:
    """Read the table `<folder>/<name>.csv`; an empty cell becomes NaN, and "none" stays a word.

    Raises UserError if the file or one of its columns is missing, or if the file differs from the study's record of it.
    """
    path = locate(folder) / f"{name}.csv"
    if not path.is_file():
        raise UserError(f"{path}: no such table, expected one that the study has written")
    check_file(path)
    try:
        frame = pd.read_csv(path, dtype=dict.fromkeys(TEXT, str), keep_default_na=False, na_values=[""])
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(
            f"{path}: not a table of comma-separated values ({' '.join(str(error).split())})"
        ) from None
    needed = (column for column in COLUMNS.get(name, ()) if column not in LATER.get(name, ()))
    missing = [column for column in needed if column not in frame]
    if missing:
        raise UserError(f"{path}: column {missing[0]!r} is missing, found {', '.join(frame.columns)}")
    if "folded" in frame:
        frame["folded"] = frame["folded"].astype(str).str.lower().map(YES_NO).astype(bool)
    return frame


def read_tables(folder: Path | str, names: Iterable[str], optional: Iterable[str] = ()) -> Tables:
    """Read the named tables with their levels; those in `optional` are read if they exist."""
    here = locate(folder)
    present = (name for name in optional if (here / f"{name}.csv").is_file())
    return Tables({name: read_table(folder, name) for name in (*names, *present)}, read_levels(here))


def locate(path: Path | str) -> Path:
    """Return `path`, or the same path below the repository root if it exists only there.

    Notebooks name paths relative to the repository root, but an editor starts them in their own folder.
    """
    path = Path(path)
    if path.is_absolute() or path.exists():
        return path
    for parent in Path.cwd().parents:
        if (parent / "pyproject.toml").is_file():
            return parent / path
    return path
