"""The table of all searches: every trial, with its validation score."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from semalign.config.search import RATE
from semalign.config.statistics import StatisticsSettings
from semalign.runtime.columns import KEYS
from semalign.runtime.files import read_json, read_jsonl
from semalign.statistics.intervals import mean_intervals
from semalign.statistics.scores import Scores
from semalign.statistics.tables.rows import Row
from semalign.statistics.tables.text import rate_text


def search_rows(choices: Iterable[Path], settings: StatisticsSettings) -> list[Row]:
    """One row per trial, from the folders of all choices: score in percent with its interval over items.

    `chosen` marks the chosen trial, `at_edge` the lowest and the highest of several learning rates with the same other
    settings, `widened` those beyond the grid. `gain` is the difference in points from `student`, the untouched
    student's score on the same items.
    """
    return [row for choice in choices for row in _search(choice, settings)]


def _search(choice: Path, settings: StatisticsSettings) -> list[Row]:
    trials = read_jsonl(choice / "trials.jsonl")
    found = read_json(choice / "choice.json")
    intervals = mean_intervals([_scores(trial) for trial in trials], settings)
    return [
        {name: trial[name] for name in KEYS}
        | {
            "learning_rate": rate_text(trial["learning_rate"]),
            "settings": _settings_text(trial["settings"]),
            "widened": int(trial["widened"]),
            "items": len(trial["scores"][0]),
            "score": interval.estimate,
            "score_low": interval.low,
            "score_high": interval.high,
            "student": found["student"],
            "gain": interval.estimate - found["student"],
            "chosen": int(_is_chosen(trial, found)),
            "at_edge": int(_at_edge(trial, trials)),
        }
        for trial, interval in zip(trials, intervals, strict=True)
    ]


def _is_chosen(trial: Row, choice: dict[str, Any]) -> bool:
    others = {key: value for key, value in choice["chosen"].items() if key != RATE}
    return bool(trial["learning_rate"] == choice["learning_rate"] and trial["settings"] == others)


def _at_edge(trial: Row, trials: list[Row]) -> bool:
    rates = [other["learning_rate"] for other in trials if other["settings"] == trial["settings"]]
    return len(rates) > 1 and trial["learning_rate"] in (min(rates), max(rates))


def _settings_text(settings: dict[str, Any]) -> str:
    """Other searched settings, each by the last part of its key, such as `rank = 4`."""
    return "; ".join(f"{key.rsplit('.', 1)[-1]} = {value}" for key, value in settings.items())


def _scores(trial: Row) -> Scores:
    return Scores(np.array(trial["scores"], dtype=np.float64), tuple(trial["seeds"]))
