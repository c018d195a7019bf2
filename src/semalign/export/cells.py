"""The trained cell of a finished study that is exported, and what its records say of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from semalign.config.cells import DEFAULT, Cell
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json
from semalign.runtime.provenance import RECORD, read_settings
from semalign.runtime.suggestions import one_of


@dataclass(frozen=True)
class Exported:
    """A cell of the study in the folder `study`, such as `results/mine`."""

    study: Path
    cell: Cell

    @property
    def transfer(self) -> Path:
        """The folder of the trained adapter or delta."""
        return self.study / "cells" / self.cell.path / "transfer"

    @property
    def scored(self) -> Path:
        """The folder of the test scores."""
        return self.study / "cells" / self.cell.path

    @property
    def validated(self) -> Path:
        """The folder of the validation scores, which exists if the study validates its cells."""
        return self.study / "validation" / self.cell.path

    @property
    def benchmark(self) -> Path:
        """The folder of the splits."""
        return self.study / "benchmarks" / self.cell.benchmark

    @cached_property
    def kind(self) -> str:
        """`adapter`, `delta`, or `untouched` if the method trains nothing."""
        path = self.transfer / "transfer.json"
        if not path.is_file():
            raise UserError(f"{self.transfer}: no such training, expected a finished cell of the study")
        return str(read_json(path)["kind"])

    @cached_property
    def record(self) -> dict[str, Any]:
        """The record of the training."""
        return dict(read_json(self.transfer / RECORD))

    def model(self, role: str) -> Path:
        """The folder of the pair's `teacher` or `student`."""
        return self.study / "models" / str(read_settings(self.setting("pairs", self.cell.pair))[role])

    def setting(self, *names: str) -> Path:
        """The file of a part of the study's config, such as `pairs`, `<pair>`."""
        return (self.study / "settings").joinpath(*names[:-1]) / f"{names[-1]}.json"


def listed_cells(study: Path) -> list[Cell]:
    """The cells of a study, in its order. Raises UserError if the folder is not that of a study."""
    path = study / "settings" / "cells.json"
    if not path.is_file():
        raise UserError(f"--study: found {study}, expected the results of a study, such as results/tiny")
    return [_cell(folder) for folder in read_settings(path)]


def only(option: str, wanted: str | None, names: Sequence[str]) -> str:
    """The name that is wanted, or the only one there is. Raises UserError for an unknown or an ambiguous one."""
    known = list(dict.fromkeys(names))
    if wanted is None and len(known) == 1:
        return known[0]
    if wanted not in known:
        found = repr(wanted) if wanted else "nothing"
        raise UserError(f"--{option}: found {found}, expected {one_of(wanted, known)}")
    return str(wanted)


def place_of(cells: Sequence[Cell], pair: str, benchmark: str) -> Path:
    """Where a pair's exports are, below `export`: `<pair>`, or `<pair>/<benchmark>` if it has several benchmarks."""
    several = len({cell.benchmark for cell in cells if cell.pair == pair}) > 1
    return Path(pair, benchmark) if several else Path(pair)


def folder_name(cell: Cell, by_ranking: bool) -> str:
    """The name of a cell's export: its method, and what a user chose by hand, which other exports then leave alone."""
    if by_ranking:
        return cell.method
    return "-".join([cell.method, *([] if cell.variant == DEFAULT else [cell.variant]), f"seed{cell.seed}"])


def _cell(folder: str) -> Cell:
    pair, benchmark, method, variant, seed = Path(folder).parts[-5:]
    number = re.fullmatch(r"seed(\d+)", seed)
    if not number:
        raise UserError(f"{folder}: not the folder of a cell, expected .../{DEFAULT}/seed<k>")
    return Cell(pair, benchmark, method, variant, int(number[1]))
