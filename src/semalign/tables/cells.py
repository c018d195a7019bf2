"""Reading finished cells, and refusing the ones that can't stand in a table."""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from semalign import provenance
from semalign.errors import UserError
from semalign.statistics.scores import SCALE, Scores

COSTS = ("teacher_kl", "teacher_agreement", "train_seconds", "peak_memory_mb", "trainable_parameters")
SPENT = (
    *("learning_rate", "search_seconds", "signal_seconds", "signal_memory_mb", "signal_mb", "teacher_passes"),
)
_LAYOUT = "<pair>/<benchmark>/<method>/<variant>/seed<k>"
_TOLERANCE = 0.01  # percent points between a cell's score and the mean of its items


class Key(NamedTuple):
    """One row's worth of cells: all seeds of a variant."""

    pair: str
    benchmark: str
    method: str
    variant: str


@dataclass(frozen=True, eq=False)
class Cell:
    """One cell: item scores `[items]` in percent, sorted by id, and what its metrics.json says."""

    key: Key
    seed: int
    ids: tuple[str, ...]
    scores: np.ndarray
    metrics: dict[str, float | None]


@dataclass(frozen=True, eq=False)
class Group:
    """All seeds of one pair, benchmark, method and variant."""

    key: Key
    cells: tuple[Cell, ...]
    scores: Scores

    def costs(self, name: str) -> list[float]:
        """A cost of every seed that reports it."""
        return [value for cell in self.cells if (value := cell.metrics[name]) is not None]


def read_cell(folder: Path | str, *, verify: bool = True) -> Cell:
    """Read one cell's folder.

    With `verify` every file of the cell is compared with the digests in its run.json.

    Raises UserError where the folder's name, run.json, metrics.json or items.jsonl is not as expected.
    """
    folder = Path(folder)
    key, seed = _parse(folder)
    _check_record(folder, verify)
    metrics = _read_metrics(folder / "metrics.json")
    items = _read_items(folder / "items.jsonl")
    ids = tuple(sorted(items))
    scores = SCALE * np.array([items[name] for name in ids])
    if metrics["items"] != len(ids):
        raise UserError(
            f"{folder}/metrics.json: items is {metrics['items']:g}, expected the {len(ids)} of items.jsonl"
        )
    if abs(float(metrics["score"] or 0.0) - float(scores.mean())) > _TOLERANCE:
        raise UserError(
            f"{folder}/metrics.json: score is {metrics['score']:g}, expected {scores.mean():g} "
            "(the mean of items.jsonl)"
        )
    return Cell(key, seed, ids, scores, metrics)


def read_groups(folders: Iterable[Path | str], *, verify: bool = True) -> dict[Key, Group]:
    """Read cells and put the seeds of each variant together, seeds ascending.

    Raises UserError where a cell is given twice or two cells of a benchmark have different items.
    """
    cells: dict[Key, dict[int, Cell]] = {}
    first: dict[str, tuple[Path, Cell]] = {}
    for folder in map(Path, folders):
        cell = read_cell(folder, verify=verify)
        seeds = cells.setdefault(cell.key, {})
        if cell.seed in seeds:
            raise UserError(f"{folder}: cell given twice, expected every cell once")
        seeds[cell.seed] = cell
        _same_items(folder, cell, *first.setdefault(cell.key.benchmark, (folder, cell)))
    if not cells:
        raise UserError("cells: found none, expected at least one finished cell")
    return {key: _group(key, seeds) for key, seeds in cells.items()}


def _group(key: Key, seeds: dict[int, Cell]) -> Group:
    cells = tuple(seeds[seed] for seed in sorted(seeds))
    return Group(key, cells, Scores(np.stack([cell.scores for cell in cells]), tuple(sorted(seeds))))


def _parse(folder: Path) -> tuple[Key, int]:
    parts = folder.absolute().parts[-5:]
    seed = re.fullmatch(r"seed(\d+)", parts[-1])
    if len(parts) < 5 or not seed:
        raise UserError(f"{folder}: not the folder of a cell, expected .../{_LAYOUT}")
    return Key(*parts[:4]), int(seed[1])


def _check_record(folder: Path, verify: bool) -> None:
    path = folder / provenance.RECORD
    if not path.is_file():
        raise UserError(f"{path}: no such file, expected the record of a finished cell")
    record = _json(path, path.read_text(encoding="utf-8"))
    if not isinstance(record, dict):
        raise UserError(f"{path}: found {type(record).__name__}, expected an object")
    if not verify:
        return
    if not isinstance(record.get("outputs"), dict):
        raise UserError(f"{path}: no `outputs`, expected the digests of the cell's files")
    provenance.check(folder)


def _read_metrics(path: Path) -> dict[str, float | None]:
    data = _json(path, _text(path))
    if not isinstance(data, dict):
        raise UserError(f"{path}: found {type(data).__name__}, expected an object with `score` and `items`")
    metrics: dict[str, float | None] = {}
    for name in ("score", "items"):
        metrics[name] = _number(path, name, data.get(name))
    for name in (*COSTS, *SPENT):
        metrics[name] = None if data.get(name) is None else _number(path, name, data[name])
    return metrics


def _read_items(path: Path) -> dict[str, float]:
    items: dict[str, float] = {}
    for number, line in enumerate(_text(path).splitlines(), start=1):
        where = f"{path}:{number}"
        row = _json(where, line)
        name = row.get("id") if isinstance(row, dict) else None
        if not isinstance(name, str):
            raise UserError(f"{where}: found no item, expected an object with `id` and `correct`")
        if name in items:
            raise UserError(f"{where}: id {name!r} found twice, expected every item once")
        items[name] = _number(where, "correct", row.get("correct"))
        if not 0 <= items[name] <= 1:
            raise UserError(f"{where}: correct is {items[name]:g}, expected 0 to 1")
    if not items:
        raise UserError(f"{path}: no items, expected one line an item")
    return items


def _same_items(folder: Path, cell: Cell, other_folder: Path, other: Cell) -> None:
    if cell.ids != other.ids:
        odd = sorted(set(cell.ids) ^ set(other.ids))[0]
        raise UserError(
            f"{folder}: items differ from those of {other_folder} (first {odd!r}, {len(cell.ids)} and "
            f"{len(other.ids)} items); expected the same ids, or no test can be paired"
        )


def _text(path: Path) -> str:
    if not path.is_file():
        raise UserError(f"{path}: no such file, expected the output of a finished cell")
    return path.read_text(encoding="utf-8")


def _json(where: Path | str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"{where}: not valid JSON ({error})") from None


def _number(where: Path | str, name: str, value: Any) -> float:
    if isinstance(value, bool) and name == "correct":
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError(f"{where}: {name} is {value!r}, expected a finite number")
    return float(value)
