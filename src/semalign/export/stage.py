"""The stage that exports a trained student of a finished study."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from semalign.benchmarks.base import read_split
from semalign.config.cells import DEFAULT, Cell
from semalign.export.adapter import write_adapter
from semalign.export.base_model import base_of
from semalign.export.card import write_card
from semalign.export.cells import Exported, listed_cells, only, place_of
from semalign.export.tokenizer import write_tokenizer
from semalign.runtime.command import grouped
from semalign.runtime.errors import UserError
from semalign.runtime.files import replace_folder
from semalign.runtime.provenance import check, portable

logger = logging.getLogger("semalign")
EXAMPLES = 20  # texts that the exported tokenizer must cut as the study did


@grouped
@dataclass(frozen=True)
class Picked:
    """Which cell is exported.

    Attributes:
        pair: Name of the pair. Default: the only one.
        benchmark: Name of the benchmark. Default: the pair's only one.
        method: Name of the method.
        variant: Name of the variant.
        seed: Seed.
    """

    pair: str | None = None
    benchmark: str | None = None
    method: str | None = None
    variant: str = DEFAULT
    seed: int | None = None

    def cell(self, cells: Sequence[Cell]) -> Cell:
        """The cell of a study. Raises UserError if it is not in the study, or if the options leave a choice."""
        left = list(cells)
        for option in ("pair", "benchmark", "method", "variant"):
            name = only(option, getattr(self, option), [getattr(cell, option) for cell in left])
            left = [cell for cell in left if getattr(cell, option) == name]
        seed = only("seed", None if self.seed is None else str(self.seed), [str(cell.seed) for cell in left])
        return next(cell for cell in left if str(cell.seed) == seed)


@grouped
@dataclass(frozen=True)
class Naming:
    """What the exported files say of the base model and of the study.

    Attributes:
        base: Name of the base model, such as owner/name on the hub. Default: as the study's config has it.
        licence: Licence of the export. Default: that of the base model, if its card or config names one.
        config: Names of the study's config files.
    """

    base: str | None = None
    licence: str | None = None
    config: Sequence[str] = ()


def export_adapter(study: Path, picked: Picked, naming: Naming, out: Path | None = None) -> None:
    """Export a trained student of a finished study as a folder that PEFT and transformers load, with a model card.

    Args:
        study: Folder of the study's results, such as results/mine.
        picked: Which cell is exported.
        naming: What the exported files say of the base model and of the study.
        out: Folder to write. Default: <study>/export/<pair>/<method>, or .../<pair>/<benchmark>/<method> if the pair
            has several benchmarks.
    """
    cells = listed_cells(study)
    exported = Exported(study, picked.cell(cells))
    cell = exported.cell
    if exported.kind == "untouched":
        raise UserError(f"--method: found {cell.method!r}, which trains nothing; expected a trained method")
    check(exported.transfer)
    folder = out or study / "export" / place_of(cells, cell.pair, cell.benchmark) / cell.method
    student = exported.model("student")
    base = base_of(student, naming.base, naming.licence)
    with replace_folder(folder) as made:
        write_adapter(exported.transfer, made, base)
        write_tokenizer(student, made, _examples(exported.benchmark))
        write_card(exported, base, made, {"kind": "adapter", "rescored": None}, naming.config)
    logger.info("exported %s to %s", cell.path, portable(folder))


def _examples(benchmark: Path) -> list[str]:
    return [example.prompt + example.answer for example in read_split(benchmark, "validation")[:EXAMPLES]]
