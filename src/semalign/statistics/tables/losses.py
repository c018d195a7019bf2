"""What a cell's training did to its layer loss: the loss of the untouched student, and the one at the end.

Only the first update is a measurement on the untouched student: at a high learning rate the loss can fall by a third
within five updates, so that a mean over more of them would make a large dose look smaller. That first value is one
batch's; the table of doses averages it over the seeds, whose batches differ. At the end the loss hardly moves any more
(the learning rate has decayed), so that the mean over the last tenth of the logged updates (after warm-up, of the last
round if there are several) removes the noise of the batches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semalign.runtime.errors import UserError
from semalign.runtime.files import read_jsonl
from semalign.runtime.provenance import RECORD, differs, file_digest, read_record

TERM = "layer"
HISTORY = "history.jsonl"
END = 0.1  # share of the logged updates that counts as the end of the training


@dataclass(frozen=True)
class LayerLoss:
    """The layer loss at update `logged` (1 unless the training is so long that not every update is logged), the mean
    over the last tenth of the logged updates, and the number of all updates.
    """

    first: float
    last: float
    logged: int
    updates: int


def read_layer_loss(cell: Path, *, verify: bool = True) -> LayerLoss | None:
    """Read the history of a cell's training; None if it has none, or no layer loss.

    With `verify` the history is compared with its digest in the record of the training.

    Raises UserError if they differ.
    """
    path = cell / "transfer" / HISTORY
    if not path.is_file():
        return None
    if verify:
        _check(path)
    return layer_loss(read_jsonl(path))


def layer_loss(history: Sequence[dict[str, Any]]) -> LayerLoss | None:
    """The layer loss of a training from its logged updates; None if none of them has one."""
    rows = [row for row in history if row.get(TERM) is not None]
    if not rows:
        return None
    last = rows[_last_rise(rows) :]
    end = [float(row[TERM]) for row in last[-max(1, round(END * len(last))) :]]
    first = rows[0]
    return LayerLoss(float(first[TERM]), sum(end) / len(end), int(first["step"]), int(history[-1]["step"]))


def _last_rise(rows: Sequence[dict[str, Any]]) -> int:
    """The row at which the learning rate rises for the last time: in the last round of a training that has several."""
    rates = [float(row.get("learning_rate", 0)) for row in rows]
    return max((at for at in range(1, len(rates)) if rates[at] > rates[at - 1]), default=0)


def _check(path: Path) -> None:
    record = path.parent / RECORD
    recorded, present = str(read_record(record)["outputs"].get(HISTORY)), file_digest(path)
    if present != recorded:
        raise UserError(differs(path, present, recorded, record))
