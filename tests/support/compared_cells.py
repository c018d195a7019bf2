"""Finished cells whose items were compared with the teacher, and the histories of their trainings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from semalign.runtime.files import write_json, write_jsonl
from semalign.runtime.provenance import Run

TOKENS = (1, 2, 3, 4, 5, 6, 2, 3)


def write_compared(
    root: Path,
    name: str,
    correct: Sequence[int],
    kl: Sequence[float] | None = None,
    losses: Sequence[float] | None = None,
    *,
    parts: Sequence[str] | None = None,
    **metrics: Any,
) -> Path:
    """Write a sealed cell: right or wrong items, their KL (agreement falls with it), the layer loss of each update."""
    folder = root / name
    rows: list[dict[str, Any]] = []
    for index, right in enumerate(correct):
        row: dict[str, Any] = {"id": f"item-{index:02d}", "correct": right}
        if kl is not None:
            agreement, tokens = 1 - kl[index] / 4, TOKENS[index % len(TOKENS)]
            row |= {"teacher_kl": kl[index], "teacher_agreement": agreement, "answer_tokens": tokens}
        rows.append(row | ({"part": parts[index]} if parts else {}))
    write_jsonl(folder / "items.jsonl", rows)
    found = {"score": 100 * float(np.mean(correct)), "items": len(rows), "metric": "accuracy", **metrics}
    write_json(folder / "metrics.json", found)
    Run("evaluate").seal(folder)
    if losses is not None:  # the record of a cell does not list the files of its training, which has its own
        write_training(folder, [{"step": step, "layer": loss} for step, loss in enumerate(losses, start=1)])
    return folder


def write_training(
    cell: Path, history: Sequence[Mapping[str, Any]], settings: Mapping[str, Any] | None = None
) -> None:
    """Write a sealed transfer folder with this history into a cell's folder; `settings` are the method's."""
    write_jsonl(cell / "transfer" / "history.jsonl", (dict(row) for row in history))
    write_json(cell / "settings.json", dict(settings or {}))
    Run("transfer", cell / "settings.json").seal(cell / "transfer")
