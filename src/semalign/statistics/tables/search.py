"""The table of all learning rate searches: every learning rate that was tried, with its validation score."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from semalign.config.statistics import StatisticsSettings
from semalign.runtime.columns import KEYS
from semalign.runtime.files import read_json, read_jsonl
from semalign.statistics.intervals import mean_intervals
from semalign.statistics.scores import Scores
from semalign.statistics.tables.rows import Row
from semalign.statistics.tables.text import rate_text


def search_rows(choices: Iterable[Path], settings: StatisticsSettings) -> list[Row]:
    """One row per trial, from the folders of all choices: score in percent with its interval over items.

    `chosen` marks the chosen learning rate, `at_edge` the lowest and the highest of several learning rates.
    """
    return [row for choice in choices for row in _search(choice, settings)]


def _search(choice: Path, settings: StatisticsSettings) -> list[Row]:
    trials = read_jsonl(choice / "trials.jsonl")
    best = read_json(choice / "choice.json")["learning_rate"]
    rates = [trial["learning_rate"] for trial in trials]
    intervals = mean_intervals([_scores(trial) for trial in trials], settings)
    return [
        {name: trial[name] for name in KEYS}
        | {
            "learning_rate": rate_text(trial["learning_rate"]),
            "items": len(trial["scores"][0]),
            "score": interval.estimate,
            "score_low": interval.low,
            "score_high": interval.high,
            "chosen": int(trial["learning_rate"] == best),
            "at_edge": int(len(rates) > 1 and trial["learning_rate"] in (min(rates), max(rates))),
        }
        for trial, interval in zip(trials, intervals, strict=True)
    ]


def _scores(trial: Row) -> Scores:
    return Scores(np.array(trial["scores"], dtype=np.float64), tuple(trial["seeds"]))
