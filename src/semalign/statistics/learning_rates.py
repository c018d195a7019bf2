"""The choice of a learning rate: the one with the best score on the benchmark's validation split.

Every trained method is tried with as many rates. Equals are settled for the lower rate, which is nearer to the
untouched student.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, read_jsonl, replace_folder, write_json, write_jsonl
from semalign.runtime.provenance import Run
from semalign.statistics.scores import SCALE, Scores, balanced

logger = logging.getLogger("semalign")


@dataclass(frozen=True)
class Trial:
    """One training with one rate, scored on the validation split."""

    learning_rate: float
    scores: Scores
    seconds: float


def choose_learning_rate(trials: Sequence[Path], names: dict[str, str], out: Path) -> float:
    """Compare the trials of one method; write choice.json, and trials.jsonl with the scores of each.

    `names` are the pair, benchmark, method and variant that the trials are of. No setting of the statistics is read:
    the table of all searches (`statistics.tables.search`) has the intervals, and to change them trains nothing again.
    Raises UserError when two trials have the same rate.
    """
    run = Run("choice")
    found = sorted(
        (_read(run.read(path.name, path)) for path in trials), key=lambda trial: trial.learning_rate
    )
    rates = [trial.learning_rate for trial in found]
    if len(set(rates)) < len(rates):
        raise UserError(
            f"{trials[0].parent}: found trials with equal learning rates {rates}, expected each once"
        )
    chosen = max(found, key=lambda trial: (round(trial.scores.mean, 9), -trial.learning_rate)).learning_rate
    with replace_folder(out) as folder:
        seconds = round(sum(trial.seconds for trial in found), 3)
        write_json(folder / "choice.json", {"learning_rate": chosen, "seconds": seconds})
        write_jsonl(folder / "trials.jsonl", (names | _facts(trial) for trial in found))
        run.seal(folder)
    scored = ", ".join(f"{trial.learning_rate:g}: {trial.scores.mean:.1f}" for trial in found)
    logger.info("%s: learning rate %g; validation scores %s", "/".join(names.values()), chosen, scored)
    return chosen


def _facts(trial: Trial) -> dict[str, Any]:
    return {
        "learning_rate": trial.learning_rate,
        "seeds": list(trial.scores.seeds),
        "scores": trial.scores.values.tolist(),
    }


def _read(folder: Path) -> Trial:
    transfer = read_json(folder / "transfer" / "run.json")
    items = sorted(read_jsonl(folder / "items.jsonl"), key=lambda row: str(row["id"]))
    correct = np.array([[row["correct"] for row in items]], dtype=np.float64)
    scores = balanced(SCALE * correct, [row.get("part") for row in items])
    return Trial(
        transfer["settings"]["optimisation"]["learning_rate"],
        Scores(scores, (transfer["seed"],)),
        transfer["cost"]["train_seconds"],
    )
