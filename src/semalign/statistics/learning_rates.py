"""The choice of a learning rate: the one with the best score on the benchmark's validation split.

Every trained method is tried with the same number of learning rates. If scores are equal, the lower learning rate wins,
because its result is closer to the untouched student.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, read_jsonl
from semalign.runtime.provenance import RECORD
from semalign.statistics.scores import SCALE, Scores, balanced


@dataclass(frozen=True)
class Trial:
    """One training run with one learning rate, scored on the validation split."""

    learning_rate: float
    scores: Scores
    seconds: float

    @property
    def row(self) -> dict[str, Any]:
        """The trial as a line of trials.jsonl, without the names of pair, benchmark, method and variant."""
        return {
            "learning_rate": self.learning_rate,
            "seeds": list(self.scores.seeds),
            "scores": self.scores.values.tolist(),
        }


def read_trials(folders: Sequence[Path]) -> list[Trial]:
    """Read the trials of one search, sorted by learning rate; raises UserError if two have the same one."""
    trials = sorted(map(_read, folders), key=lambda trial: trial.learning_rate)
    rates = [trial.learning_rate for trial in trials]
    if len(set(rates)) < len(rates):
        raise UserError(
            f"{folders[0].parent}: found trials with equal learning rates {rates}, expected each once"
        )
    return trials


def best_rate(trials: Sequence[Trial]) -> float:
    """The learning rate with the highest mean score; scores that differ only in their last bits count as equal."""
    best = max(trials, key=lambda trial: (round(trial.scores.mean, 9), -trial.learning_rate))
    return best.learning_rate


def _read(folder: Path) -> Trial:
    transfer = read_json(folder / "transfer" / RECORD)
    items = sorted(read_jsonl(folder / "items.jsonl"), key=lambda row: str(row["id"]))
    correct = np.array([[row["correct"] for row in items]], dtype=np.float64)
    scores = balanced(SCALE * correct, [row.get("part") for row in items])
    return Trial(
        transfer["settings"]["optimisation"]["learning_rate"],
        Scores(scores, (transfer["seed"],)),
        transfer["cost"]["train_seconds"],
    )
