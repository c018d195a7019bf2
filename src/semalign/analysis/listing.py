"""Parsing the path of a folder into its cell or its signal."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from semalign.config.cells import DEFAULT, Cell
from semalign.runtime.errors import UserError

CELL = "<pair>/<benchmark>/<method>/<variant>/seed<k>"
SIGNAL = "<pair>/<benchmark>/<stage>/<name>"


class Signal(NamedTuple):
    """The names in the path of a signal's folder; `name` says how its settings differ from the default."""

    pair: str
    benchmark: str
    stage: str
    name: str


def cell_of(folder: Path) -> Cell:
    """The cell whose folder this is; raises UserError if the path is not a cell's."""
    parts = folder.absolute().parts[-5:]
    seed = re.fullmatch(r"seed(\d+)", parts[-1])
    if len(parts) < 5 or not seed:
        raise UserError(f"{folder}: not the folder of a cell, expected .../{CELL}")
    pair, benchmark, method, variant = parts[:4]
    return Cell(pair, benchmark, method, variant, int(seed[1]))


def cells_among(folders: Iterable[Path], pair: str, benchmark: str) -> dict[Path, Cell]:
    """The folders of the cells of one pair and benchmark, in their order."""
    cells = {folder: cell_of(folder) for folder in folders}
    return {
        folder: cell for folder, cell in cells.items() if (cell.pair, cell.benchmark) == (pair, benchmark)
    }


def defaults_among(folders: Iterable[Path]) -> list[Path]:
    """The folders of cells with a method's default settings, in their order."""
    return [folder for folder in folders if cell_of(folder).variant == DEFAULT]


def signal_of(folder: Path, stage: str) -> Signal:
    """The names in the path of a `stage`'s folder; raises UserError if it is not one."""
    parts = folder.absolute().parts[-4:]
    if len(parts) < 4 or parts[2] != stage:
        raise UserError(f"{folder}: not a folder of {stage}, expected .../{SIGNAL.replace('<stage>', stage)}")
    return Signal(*parts)
