"""Which cell is exported: the one to ship by the ranking on the validation split, or one that a user names."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semalign.config.cells import DEFAULT, Cell
from semalign.export.cells import only
from semalign.report.reading import read_table
from semalign.runtime.command import grouped
from semalign.runtime.errors import UserError

RANKING = "ranking"


@grouped
@dataclass(frozen=True)
class Picked:
    """Which cell is exported.

    Attributes:
        pair: Name of the pair. Default: the only one.
        benchmark: Name of the benchmark. Default: the pair's only one.
        method: Name of the method. Default: the best one of the study's ranking.
        variant: Name of the variant.
        seed: Seed. Default: the best one of the study's ranking.
    """

    pair: str | None = None
    benchmark: str | None = None
    method: str | None = None
    variant: str = DEFAULT
    seed: int | None = None

    @property
    def by_ranking(self) -> bool:
        """Whether the ranking alone decides."""
        return self.method is None and self.seed is None and self.variant == DEFAULT

    def cell(self, study: Path, cells: Sequence[Cell]) -> Cell:
        """The cell of a study. Raises UserError if it is not in the study, or if nothing decides between several."""
        left = _narrowed(_narrowed(cells, "pair", self.pair), "benchmark", self.benchmark)
        if self.method is not None:
            left = _narrowed(left, "method", self.method)
        seed = self.seed
        if self.method is None or (seed is None and self.variant == DEFAULT):
            row = _best(study, left[0], self.method)
            left = _narrowed(left, "method", self.method or str(row["method"]))
            seed = int(row["seed"]) if seed is None else seed
        left = _narrowed(_narrowed(left, "method", self.method or left[0].method), "variant", self.variant)
        return _narrowed(left, "seed", None if seed is None else str(seed))[0]


def _narrowed(cells: Sequence[Cell], name: str, wanted: str | None) -> list[Cell]:
    """The cells with the wanted name, or with the only one there is."""
    found = only(name, wanted, [str(getattr(cell, name)) for cell in cells])
    return [cell for cell in cells if str(getattr(cell, name)) == found]


def _best(study: Path, cell: Cell, method: str | None) -> Any:
    """The row of the ranking's best seed on a pair and benchmark, of one method or of all."""
    path = study / "tables" / f"{RANKING}.csv"
    if not path.is_file():
        missing = "--seed" if method else "--method and --seed"
        raise UserError(
            f"{missing}: found nothing and no {path}, expected both of them, or a study that ranks its students on the "
            "validation split (`export: {ranking: true}` in its config)"
        )
    rows = read_table(study / "tables", RANKING)
    own = rows[(rows["pair"] == cell.pair) & (rows["benchmark"] == cell.benchmark) & rows["seed"].notna()]
    own = own[(own["method"] == method) & (own["rank"] == 1)] if method else own[own["ship"] == 1]
    if own.empty:
        of = f"{method!r}, which is not ranked" if method else f"no row of {cell.pair} and {cell.benchmark}"
        raise UserError(f"{path}: found {of}; expected --method and --seed of a cell of the study")
    return own.iloc[0]
