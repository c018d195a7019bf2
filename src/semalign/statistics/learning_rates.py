"""The choice of a learning rate, and of other searched settings: the best score on the benchmark's validation split.

Every searched method has the same number of trials. If scores are equal, such as 0 on a task that is new to a small
model, the trial wins whose references are likeliest (fewest bits per character), where free text has likelihoods.
Otherwise the lower learning rate wins, because its result is closer to the untouched student; among equal rates, the
value that the config lists first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from semalign.config.search import RATE
from semalign.evaluation.likelihood import bits_per_character
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, read_jsonl
from semalign.runtime.provenance import RECORD
from semalign.statistics.scores import SCALE, Scores, balanced

End = Literal["lowest", "highest"]


@dataclass(frozen=True)
class Trial:
    """One training run with one combination of searched settings, scored on the validation split.

    `others` are the searched settings besides the learning rate, by dotted key. `widened`: the learning rate is beyond
    the grid. `bits` are the mean bits per character of the references, None unless every item has a likelihood.
    """

    learning_rate: float
    scores: Scores
    seconds: float
    others: dict[str, Any] = field(default_factory=dict)
    widened: bool = False
    flops: int | None = None
    bits: float | None = None

    @property
    def row(self) -> dict[str, Any]:
        """The trial as a line of trials.jsonl, without the names of pair, benchmark, method and variant."""
        return {
            "learning_rate": self.learning_rate,
            "settings": self.others,
            "widened": self.widened,
            "seeds": list(self.scores.seeds),
            "scores": self.scores.values.tolist(),
        }


def read_trial(folder: Path, keys: Sequence[str], widened: bool = False) -> Trial:
    """Read one trial of a search over some dotted keys."""
    transfer = read_json(folder / "transfer" / RECORD)
    return Trial(
        value_at(transfer["settings"], RATE),
        Scores(_correct(folder), (transfer["seed"],)),
        transfer["cost"]["train_seconds"],
        {key: value_at(transfer["settings"], key) for key in keys if key != RATE},
        widened,
        transfer["cost"].get("train_flops"),
        _bits(folder),
    )


def read_trials(folders: Sequence[Path], keys: Sequence[str]) -> list[Trial]:
    """Read the trials of one search, sorted by learning rate; raises UserError if two have the same settings."""
    trials = in_order(read_trial(folder, keys) for folder in folders)
    found = [(trial.learning_rate, trial.others) for trial in trials]
    if any(pair in found[:number] for number, pair in enumerate(found)):
        rates = [rate for rate, _ in found]
        raise UserError(
            f"{folders[0].parent}: found trials with equal settings (learning rates {rates}), expected each once"
        )
    return trials


def in_order(trials: Any) -> list[Trial]:
    """Trials by learning rate; those of the same rate stay as they are."""
    return sorted(trials, key=lambda trial: trial.learning_rate)


def best_trial(trials: Sequence[Trial]) -> Trial:
    """The trial with the highest mean score, or the likeliest references among equal ones, or the lowest rate.

    Scores that differ only in their last digits count as equal. Likelihoods count only if every trial has them.
    """
    known = all(trial.bits is not None for trial in trials)
    return max(
        trials,
        key=lambda trial: (
            round(trial.scores.mean, 9),
            -round(trial.bits or 0.0, 9) if known else 0.0,
            -trial.learning_rate,
        ),
    )


def edge_of(trial: Trial, trials: Sequence[Trial]) -> End | None:
    """Whether a trial has the lowest or the highest of several rates that were tried with its other settings."""
    rates = [other.learning_rate for other in trials if other.others == trial.others]
    if len(rates) < 2 or min(rates) < trial.learning_rate < max(rates):
        return None
    return "lowest" if trial.learning_rate == min(rates) else "highest"


def validation_score(folder: Path) -> float:
    """The mean validation score of a scored trial, in percent."""
    return Scores(_correct(folder), (0,)).mean


def value_at(settings: Mapping[str, Any], key: str) -> Any:
    """The value of a dotted key."""
    value: Any = settings
    for part in key.split("."):
        value = value[part]
    return value


def _bits(folder: Path) -> float | None:
    """The mean bits per character of a trial's references; None unless every item has a likelihood."""
    spent = []
    for row in read_jsonl(folder / "items.jsonl"):
        nats, characters = row.get("reference_nats"), row.get("reference_characters")
        if nats is None or not characters:
            return None
        spent.append(bits_per_character(nats, characters))
    return float(np.mean(spent))


def _correct(folder: Path) -> Any:
    """The scores of the items in percent, [1, items]; the parts of a mixture count alike."""
    items = sorted(read_jsonl(folder / "items.jsonl"), key=lambda row: str(row["id"]))
    correct = np.array([[row["correct"] for row in items]], dtype=np.float64)
    return balanced(SCALE * correct, [row.get("part") for row in items])
