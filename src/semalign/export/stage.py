"""The stage that exports a trained student of a finished study."""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from semalign.config.cells import Cell
from semalign.config.export import Export
from semalign.export.base_model import base_of
from semalign.export.cells import Exported, folder_name, listed_cells, place_of
from semalign.export.choice import RANKING, Picked
from semalign.export.folders import FACTS, Exporter, Naming
from semalign.runtime.command import grouped
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json
from semalign.runtime.provenance import Run, file_digests, portable
from semalign.statistics.inputs import read_section

RANKED = f"tables/{RANKING}.csv"
logger = logging.getLogger("semalign")


@grouped
@dataclass(frozen=True)
class Forms:
    """Forms besides the adapter. What is not given here is taken from the settings.

    Attributes:
        merged: Precision of the whole student with the training added to its weights.
        gguf: Precision of a GGUF file of it.
    """

    merged: Literal["float32", "bfloat16", "float16"] | None = None
    gguf: Literal["float32", "float16", "q8_0"] | None = None


def export_adapter(
    study: Path,
    picked: Picked,
    naming: Naming,
    forms: Forms,
    settings: Path | None = None,
    out: Path | None = None,
    record: Path | None = None,
) -> None:
    """Export a trained student of a finished study as a folder that PEFT and transformers load, with a model card.

    Without --method, the ranking on the validation split decides; it may say that no method is above the untouched
    student, and then nothing is exported. A merged model is next to the adapter in <method>-merged, a GGUF file in
    <method>-gguf. A training that is no adapter (LaTen) is exported merged.

    Args:
        study: Folder of the study's results, such as results/mine.
        picked: Which cell is exported.
        naming: What the exported files say of the base model and of the study.
        forms: Forms besides the adapter.
        settings: The forms as JSON (section `export`).
        out: Folder to write. Default: <study>/export/<pair>/<method>, or .../<pair>/<benchmark>/<method> if the pair
            has several benchmarks. A choice by hand ends in the variant, if it has one, and in -seed<k>.
        record: File that records what was exported.
    """
    run = Run("export", settings)
    known = read_section(Export, settings)
    cells = listed_cells(study)
    if picked.by_ranking and (study / RANKED).is_file():
        run.read(portable(study / RANKED), study / RANKED)
    exported = Exported(study, picked.cell(study, cells))
    place = study / "export" / place_of(cells, exported.cell.pair, exported.cell.benchmark)
    if picked.by_ranking and not out:
        _remove_former(study, exported.cell)
    if exported.kind == "untouched":
        _nothing(exported, picked)
        written: list[Path] = []
    else:
        read = {"transfer": exported.transfer, "benchmark": exported.benchmark}
        run.read_all(**read, student=exported.model("student"))
        wanted = forms.merged or known.merged, forms.gguf or known.gguf
        folder = out or place / folder_name(exported.cell, picked.by_ranking)
        written = _export(exported, picked, naming, folder, wanted)
    if record:
        run.note(record, [folder / name for folder in written for name in file_digests(folder)])


def _export(
    exported: Exported, picked: Picked, naming: Naming, folder: Path, wanted: tuple[str | None, str | None]
) -> list[Path]:
    """Write all forms, (merged, gguf) in the precisions that are wanted; return their folders."""
    base = base_of(exported.model("student"), naming.base, naming.licence)
    facts = vars(exported.cell) | {"chosen_by": RANKING if picked.by_ranking else "hand"}
    exporter = Exporter(exported, base, naming, facts, Run("model").seal)
    folders = [exporter.write_adapter(folder)] if exported.kind == "adapter" else []
    folders += exporter.write_forms(folder, *wanted)
    for path in folders:
        logger.info("%s: exported to %s", exported.cell.path, portable(path))
    return folders


def _nothing(exported: Exported, picked: Picked) -> None:
    """Say that the untouched student is the best; raise UserError if a user asked for it by name."""
    cell = exported.cell
    if not picked.by_ranking:
        raise UserError(f"--method: found {cell.method!r}, which trains nothing; expected a trained method")
    logger.info(
        "%s/%s: no method is above the untouched student on the validation split; nothing is exported "
        "(--method and --seed export one all the same)",
        cell.pair,
        cell.benchmark,
    )


def _remove_former(study: Path, cell: Cell) -> None:
    """Remove what an earlier ranking of this pair and benchmark exported, wherever it is.

    Another method may now be the best, and the place depends on how many benchmarks the pair has. A user's own choices
    are kept.
    """
    wanted = {"pair": cell.pair, "benchmark": cell.benchmark, "chosen_by": RANKING}
    for path in sorted((study / "export").rglob(FACTS)):
        if wanted.items() <= read_json(path).items():
            shutil.rmtree(path.parent)
