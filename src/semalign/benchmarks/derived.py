"""A derived benchmark: the splits of another one, but with other answers in train.

Ids, prompts and all that scoring reads stay as they are, and so do the splits extract, align, validation and test.

Its folder is that of the other benchmark with `changed.jsonl`, a row per example whose answer differs. `parts/` has a
folder with the name of the other benchmark, or of each part of a mixture, because this name selects the task that
scores the items. The original train split is there as `labels.jsonl`.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from semalign.benchmarks.base import SHOTS, Example, read_split, write_split
from semalign.benchmarks.mixture import PARTS, scored_files
from semalign.config.base import SPLITS
from semalign.runtime.files import write_jsonl

CHANGED = "changed.jsonl"
LABELS = "labels.jsonl"
# part and its train split -> the examples with their new answers, without those to leave out
Change = Callable[[str, list[Example]], list[Example]]


@dataclass(frozen=True)
class Difference:
    """The numbers of examples in train before, of those left out, and of those with another answer."""

    examples: int
    left_out: int
    changed: int


def write_derived(base: Path, folder: Path, change: Change) -> Difference:
    """Write the splits of the benchmark in `base` into `folder`, those of train after `change`.

    Raises UserError if `base` has no examples to train on.
    """
    kept: dict[str, Example] = {}
    for name, path in scored_files(base, "train").items():
        items = change(name, read_split(path.parent, "train"))
        part = folder / PARTS / name
        _copy(path.parent, part)
        (part / "train.jsonl").rename(part / LABELS)
        write_split(part, "train", items)
        kept |= {item.id: item for item in items}
    _copy(base, folder)
    labels = read_split(base, "train")
    write_split(folder, "train", [kept[item.id] for item in labels if item.id in kept])
    rows = _rows(labels, kept)
    write_jsonl(folder / CHANGED, rows)
    left_out = len(labels) - len(kept)
    return Difference(len(labels), left_out, len(rows) - left_out)


def _copy(source: Path, folder: Path) -> None:
    """Copy the splits and the shots, if there are any."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*SPLITS, SHOTS):
        if (source / f"{name}.jsonl").is_file():
            shutil.copyfile(source / f"{name}.jsonl", folder / f"{name}.jsonl")


def _rows(labels: Sequence[Example], kept: dict[str, Example]) -> list[dict[str, str]]:
    """A row per example with another answer; the answer of one that is left out is empty."""
    answers = ((item, kept[item.id].answer if item.id in kept else "") for item in labels)
    return [
        {"id": item.id, "label": item.answer, "answer": answer}
        for item, answer in answers
        if answer != item.answer
    ]
