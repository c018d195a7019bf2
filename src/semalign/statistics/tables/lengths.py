"""The table of what did not fit into the models' contexts: examples that were left out, and prompts that were cut."""

from collections.abc import Iterable
from pathlib import Path

from semalign.config.base import SPLITS
from semalign.runtime.files import read_json, read_jsonl
from semalign.runtime.provenance import RECORD
from semalign.statistics.tables.rows import Row


def length_rows(benchmarks: Iterable[Path]) -> list[Row]:
    """One row per benchmark, from the folders of those that leave out or cut what is too long."""
    return [_row(folder) for folder in benchmarks]


def _row(folder: Path) -> Row:
    origin = read_json(folder / RECORD)["origin"]
    cut = origin.get("cut_left", {}).values()
    return {
        "benchmark": folder.name,
        "examples": sum(len(read_jsonl(folder / f"{split}.jsonl")) for split in SPLITS),
        "left_out": len(origin["too_long"]),
        "cut": len(cut),
        "tokens_cut": sum(cut),
        "most_cut": max(cut, default=0),
    }
