"""A mixture: one benchmark whose splits interleave the items of several benchmarks.

Its folder has the five mixed splits, and in `parts/<part>/` those of every part, which are scored separately.
"""

import shutil
from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path

from semalign.benchmarks.base import SHOTS, Example, read_split, write_split
from semalign.benchmarks.overlap import by_text
from semalign.config.base import SPLITS, Split
from semalign.runtime.errors import UserError

PARTS = "parts"
READ: tuple[Split, ...] = ("train", "extract", "align")
SCORED: tuple[Split, ...] = ("validation", "test")


def write_mixture(parts: Sequence[Path], folder: Path) -> None:
    """Write the splits of the benchmarks in `parts` into `folder`, mixed and per part.

    A part is named after its folder. Raises UserError if two parts have an item of the same id, or if an item of one
    part is in the validation or test split of another one and in a split that is trained on.
    """
    mixed: dict[Split, list[tuple[str, Example]]] = {}
    for split in SPLITS:
        splits = [read_split(part, split) for part in parts]
        for part, examples in zip(parts, splits, strict=True):
            write_split(folder / PARTS / part.name, split, examples)
        write_split(folder, split, interleave(splits))
        mixed[split] = [(part.name, each) for part, own in zip(parts, splits, strict=True) for each in own]
    _check_apart(mixed)
    for part in parts:
        shots = part / f"{SHOTS}.jsonl"
        if shots.is_file():
            shutil.copyfile(shots, folder / PARTS / part.name / shots.name)


def _check_apart(mixed: Mapping[Split, Sequence[tuple[str, Example]]]) -> None:
    """Raise UserError if an item that is scored is read for training in another part; each part has its own check."""
    readers: dict[str, set[str]] = {}
    for name, item in (pair for split in READ for pair in mixed[split]):
        readers.setdefault(by_text(item), set()).add(name)
    for split in SCORED:
        found = [
            (name, item, other)
            for name, item in mixed[split]
            for other in readers.get(by_text(item), ())
            if other != name
        ]
        if found:
            name, item, other = found[0]
            raise UserError(
                f"mixture: found {len(found)} items of the {split} split in what is trained on, first {item.id} of "
                f"part {name} in part {other}; expected parts without common items"
            )


def interleave(splits: Sequence[Sequence[Example]]) -> list[Example]:
    """The first item of each split, the second of each, and so on: any beginning of the list is balanced.

    Raises UserError if an id occurs twice.
    """
    mixed = [item for item in chain.from_iterable(zip_longest(*splits)) if item is not None]
    seen: set[str] = set()
    for item in mixed:
        if item.id in seen:
            raise UserError(f"mixture: id {item.id!r} found twice, expected ids that differ between parts")
        seen.add(item.id)
    return mixed


def scored_files(benchmark: Path, split: Split) -> dict[str, Path]:
    """Task name -> file of its items: one for a benchmark, one per part for a mixture."""
    parts_folder = benchmark / PARTS
    if not parts_folder.is_dir():
        return {benchmark.name: benchmark / f"{split}.jsonl"}
    return {folder.name: folder / f"{split}.jsonl" for folder in sorted(parts_folder.iterdir())}
