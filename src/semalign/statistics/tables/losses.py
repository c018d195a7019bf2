"""What a cell's training did to its layer loss: the loss of the untouched student, and the one at the end.

A logged loss is that of one batch. In the study `tiny`, batches differ by a few percent of the loss for SemAlign's
targets and by 10 to 20 percent for small displacements, while at a high learning rate the loss falls by a third within
five updates. So neither one batch nor a mean over many updates is the loss of the untouched student. There are two
estimates of it:

- the loss at the first update, which is measured before any change, and has the noise of one batch;
- the mean over the first epoch, which has every example once and so no such noise, extended to the epoch's start by
  half the fall to the second one. The loss falls ever more slowly, so that this is too low by less than about what
  was added if training is gentle, and by more if it is not.

Each comes with its error, and the table of doses takes the better one. At the end the learning rate has decayed, and
the mean over the last epoch is taken. Without epochs (the length is in steps, or not every update was logged), windows
of a tenth of the logged updates take their place.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semalign.runtime.errors import UserError
from semalign.runtime.files import read_jsonl
from semalign.runtime.provenance import RECORD, differs, file_digest, read_record

TERM = "layer"
HISTORY = "history.jsonl"
IN_TURN = "shallow-to-deep"  # an `order` that trains one layer after the other
WINDOW = 0.1  # share of the logged updates in a window that is not an epoch


@dataclass(frozen=True)
class LayerLoss:
    """The layer loss of one training, from its logged updates.

    `first` is the loss at update `logged`, which is 1 unless the training is long, `extended` the mean of the first
    window extended to its start (None without two windows) and `error` what that may be wrong by. `last` is the mean of
    the last window, `noise` the relative spread of its batches, `updates` the number of all updates.
    """

    first: float
    logged: int
    extended: float | None
    error: float
    last: float
    noise: float
    updates: int


def read_layer_loss(cell: Path, *, verify: bool = True) -> LayerLoss | None:
    """Read the history of a cell's training; None if it has none, or no layer loss that one value describes to its end.

    With `verify` the history is compared with its digest in the record of the training.

    Raises UserError if they differ, or if there is no record.
    """
    path = cell / "transfer" / HISTORY
    if not path.is_file():
        return None
    place = path.parent / RECORD
    record = read_record(place)
    recorded, present = str(record["outputs"].get(HISTORY)), file_digest(path)
    if verify and present != recorded:
        raise UserError(differs(path, present, recorded, place))
    history, settings = read_jsonl(path), record.get("settings") or {}
    # no dose: each phase has another layer's loss, or a last phase without one moves away from the targets again
    if settings.get("order") == IN_TURN or (history and history[-1].get(TERM) is None):
        return None
    return layer_loss(history, _epochs(settings))


def layer_loss(history: Sequence[dict[str, Any]], epochs: float | None = None) -> LayerLoss | None:
    """The layer loss of a training from its logged updates; None if none of them has one.

    `epochs` is the length of the training, None if it is not known.
    """
    rows = [row for row in history if row.get(TERM) is not None]
    if not rows:
        return None
    updates = int(history[-1]["step"])
    losses = np.array([float(row[TERM]) for row in rows])
    whole = epochs is not None and epochs >= 1 and len(rows) == updates
    size = max(1, round(updates / epochs if whole and epochs else WINDOW * len(rows)))
    end = losses[_last_rise(rows) :][-size:]
    noise = float(end.std(ddof=1) / end.mean()) if len(end) > 1 and end.mean() > 0 else 0.0
    extended, error = _extended(losses, size, 0.0 if whole else noise)
    return LayerLoss(
        float(losses[0]), int(rows[0]["step"]), extended, error, float(end.mean()), noise, updates
    )


def _extended(losses: np.ndarray, size: int, noise: float) -> tuple[float | None, float]:
    """The mean of the first window extended to its start, and its error: what was added, and the noise of batches."""
    if len(losses) < 2 * size or size < 2:
        return None, math.inf
    first, second = losses[:size].mean(), losses[size : 2 * size].mean()
    added = (first - second) / 2
    # the sum is 1.5 first - 0.5 second, each the mean over `size` batches
    spread = noise * first * math.sqrt((1.5**2 + 0.5**2) / size)
    return float(first + added), math.hypot(added, spread)


def _last_rise(rows: Sequence[dict[str, Any]]) -> int:
    """The row at which the learning rate rises for the last time: in the last round of a training that has several."""
    rates = [float(row.get("learning_rate", 0)) for row in rows]
    return max((at for at in range(1, len(rates)) if rates[at] > rates[at - 1]), default=0)


def _epochs(settings: dict[str, Any]) -> float | None:
    """The epochs of all rounds together, from the settings of a training; None if its length is in steps."""
    optimisation = settings.get("optimisation") or {}
    if optimisation.get("steps") or not optimisation.get("epochs"):
        return None
    return float(optimisation["epochs"]) * int(settings.get("rounds") or 1)
