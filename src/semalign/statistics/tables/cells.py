"""Reading finished cells, and refusing those that can't be part of a table."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from semalign.runtime import provenance
from semalign.runtime.columns import COSTS, SPENT
from semalign.runtime.errors import UserError
from semalign.statistics.scores import SCALE, Scores, balanced
from semalign.statistics.tables.losses import LayerLoss, read_layer_loss
from semalign.statistics.tables.order import part_name
from semalign.statistics.tables.texts import Text, text_of

_LAYOUT = "<pair>/<benchmark>/<method>/<variant>/seed<k>"
_TOLERANCE = 0.01  # percentage points between a cell's score and the mean of its items


class Key(NamedTuple):
    """Names that identify the cells of one row: all seeds of a variant."""

    pair: str
    benchmark: str
    method: str
    variant: str


@dataclass(frozen=True, eq=False)
class Cell:
    """One cell: item scores `[items]` in percent, sorted by id, and the content of its metrics.json.

    `kl` (nats) and `agreement` (percent) `[items]` are means over the item's `tokens` answer tokens. All three are 0
    for an item that was not compared with the teacher, and None if no item was. `parts` names the part of a mixture
    that each item belongs to. `metric` is the name of the cell's metric, `part_metrics` that of each part. `layer_loss`
    is None if the training has no such loss. `texts` has the measures and texts of each item; None: no free text.
    """

    key: Key
    seed: int
    ids: tuple[str, ...]
    scores: np.ndarray
    metrics: dict[str, float | None]
    kl: np.ndarray | None = None
    agreement: np.ndarray | None = None
    tokens: np.ndarray | None = None
    parts: tuple[str | None, ...] = ()
    metric: str = ""
    part_metrics: Mapping[str, str] = field(default_factory=dict)
    layer_loss: LayerLoss | None = None
    texts: tuple[Text | None, ...] = ()

    @property
    def weighed(self) -> np.ndarray:
        """The item scores, weighted so that their mean is the mean over the parts of a mixture."""
        return balanced(self.scores, self.parts) if self.parts else self.scores

    def by_part(self) -> list["Cell"]:
        """One cell per part of a mixture, with only that part's items; empty for any other benchmark."""
        return [self._part(name) for name in sorted({part for part in self.parts if part is not None})]

    def _part(self, name: str) -> "Cell":
        own = np.array([part == name for part in self.parts])
        kl, agreement, tokens = (
            None if values is None else values[own] for values in (self.kl, self.agreement, self.tokens)
        )
        return Cell(
            self.key._replace(benchmark=part_name(self.key.benchmark, name)),
            self.seed,
            tuple(np.array(self.ids)[own].tolist()),
            self.scores[own],
            self.metrics
            | {"teacher_kl": _token_mean(kl, tokens), "teacher_agreement": _token_mean(agreement, tokens)},
            kl,
            agreement,
            tokens,
            metric=self.part_metrics.get(name, ""),
            layer_loss=self.layer_loss,
            texts=tuple(text for text, mine in zip(self.texts, own, strict=True) if mine),
        )


@dataclass(frozen=True, eq=False)
class Group:
    """All seeds of one pair, benchmark, method and variant."""

    key: Key
    cells: tuple[Cell, ...]
    scores: Scores

    def costs(self, name: str) -> list[float]:
        """The cost `name` of every seed that reports it."""
        return [value for cell in self.cells if (value := cell.metrics[name]) is not None]


def read_cell(folder: Path | str, *, verify: bool = True) -> Cell:
    """Read one cell's folder.

    With `verify` every file of the cell is compared with the digests in its run.json.

    Raises UserError if the folder's name, run.json, metrics.json or items.jsonl is not as expected.
    """
    folder = Path(folder)
    key, seed = _parse(folder)
    _check_record(folder, verify)
    recorded = _read_metrics(folder / "metrics.json")
    metrics = _numbers(folder / "metrics.json", recorded)
    items = _read_items(folder / "items.jsonl")
    ids = tuple(sorted(items))
    parts = tuple(items[name].part for name in ids)
    scores = SCALE * np.array([items[name].correct for name in ids])
    mean = float(balanced(scores, parts).mean())
    if metrics["items"] != len(ids):
        raise UserError(
            f"{folder}/metrics.json: items is {metrics['items']:g}, expected the {len(ids)} of items.jsonl"
        )
    if abs(float(metrics["score"] or 0.0) - mean) > _TOLERANCE:
        raise UserError(
            f"{folder}/metrics.json: score is {metrics['score']:g}, expected {mean:g} "
            "(the mean of items.jsonl)"
        )
    kl, agreement, tokens = _fidelity([items[name] for name in ids])
    metric, part_metrics = _names_of_metrics(recorded)
    loss = read_layer_loss(folder, verify=verify)
    texts = tuple(items[name].text for name in ids)
    return Cell(
        key, seed, ids, scores, metrics, kl, agreement, tokens, parts, metric, part_metrics, loss, texts
    )


def read_groups(folders: Iterable[Path | str], *, verify: bool = True) -> dict[Key, Group]:
    """Read cells and group the seeds of each variant, in ascending order; parts of mixtures form groups too.

    Raises UserError if a cell is given twice or two cells of a benchmark have different items.
    """
    cells: dict[Key, dict[int, Cell]] = {}
    first: dict[str, tuple[Path, Cell]] = {}
    for folder in map(Path, folders):
        whole = read_cell(folder, verify=verify)
        for cell in (whole, *whole.by_part()):
            seeds = cells.setdefault(cell.key, {})
            if cell.seed in seeds:
                raise UserError(f"{folder}: found this cell twice, expected every cell once")
            seeds[cell.seed] = cell
            _same_items(folder, cell, *first.setdefault(cell.key.benchmark, (folder, cell)))
    if not cells:
        raise UserError("cells: found none, expected at least one finished cell")
    return {key: _group(key, seeds) for key, seeds in cells.items()}


def _group(key: Key, seeds: dict[int, Cell]) -> Group:
    cells = tuple(seeds[seed] for seed in sorted(seeds))
    parts = np.array([part or "" for part in cells[0].parts])
    scores = Scores(
        np.stack([cell.weighed for cell in cells]),
        tuple(sorted(seeds)),
        trained=any(cell.metrics["trainable_parameters"] for cell in cells),
        strata=np.unique(parts, return_inverse=True)[1] if parts.any() else None,
    )
    return Group(key, cells, scores)


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


def _read_metrics(path: Path) -> dict[str, Any]:
    data = _json(path, _text(path))
    if not isinstance(data, dict):
        raise UserError(f"{path}: found {type(data).__name__}, expected an object with `score` and `items`")
    return data


def _names_of_metrics(recorded: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The metric of a cell, and that of each part of a mixture."""
    parts = {name: str(part.get("metric", "")) for name, part in recorded.get("parts", {}).items()}
    return str(recorded.get("metric", "")), parts


def _numbers(path: Path, data: Mapping[str, Any]) -> dict[str, float | None]:
    metrics: dict[str, float | None] = {}
    for name in ("score", "items"):
        metrics[name] = _number(path, name, data.get(name))
    for name in (*COSTS, *SPENT):
        metrics[name] = None if data.get(name) is None else _number(path, name, data[name])
    return metrics


Fidelity = tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]


class _Item(NamedTuple):
    correct: float
    kl: float
    agreement: float
    tokens: float
    part: str | None = None
    text: Text | None = None


def _fidelity(items: list[_Item]) -> Fidelity:
    """`kl`, `agreement` and `tokens` of a cell; all None if no item was compared with the teacher."""
    if not any(item.tokens for item in items):
        return None, None, None
    scaled = [(item.kl, SCALE * item.agreement, item.tokens) for item in items]
    kl, agreement, tokens = np.array(scaled).T
    return kl, agreement, tokens


def _token_mean(values: np.ndarray | None, tokens: np.ndarray | None) -> float | None:
    if values is None or tokens is None or not tokens.any():
        return None
    return float(np.average(values, weights=tokens))


def _read_items(path: Path) -> dict[str, _Item]:
    items: dict[str, _Item] = {}
    for number, line in enumerate(_text(path).splitlines(), start=1):
        where = f"{path}:{number}"
        row = _json(where, line)
        name = row.get("id") if isinstance(row, dict) else None
        if not isinstance(name, str):
            raise UserError(f"{where}: found no item record, expected an object with `id` and `correct`")
        if name in items:
            raise UserError(f"{where}: id {name!r} found twice, expected every item once")
        correct = _number(where, "correct", row.get("correct"))
        if not 0 <= correct <= 1:
            raise UserError(f"{where}: correct is {correct:g}, expected 0 to 1")
        items[name] = _Item(correct, *_compared(where, row), row.get("part"), text_of(where, row))
    if not items:
        raise UserError(f"{path}: found no items, expected one line per item")
    return items


def _compared(where: str, row: dict[str, Any]) -> tuple[float, float, float]:
    """KL, agreement and tokens of an item; all 0 if it was not compared with the teacher."""
    names = ("teacher_kl", "teacher_agreement", "answer_tokens")
    if any(row.get(name) is None for name in names):
        return 0.0, 0.0, 0.0
    kl, agreement, tokens = (_number(where, name, row[name]) for name in names)
    if not 0 <= agreement <= 1 or tokens < 0:
        raise UserError(f"{where}: {agreement:g} of {tokens:g} tokens agree, expected a share and a count")
    return kl, agreement, tokens


def _same_items(folder: Path, cell: Cell, other_folder: Path, other: Cell) -> None:
    if cell.ids != other.ids:
        unmatched = sorted(set(cell.ids) ^ set(other.ids))[0]
        raise UserError(
            f"{folder}: items differ from those of {other_folder} (first {unmatched!r}, {len(cell.ids)} and "
            f"{len(other.ids)} items); expected the same ids, as tests are paired by item"
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
