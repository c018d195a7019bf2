"""The choice of a learning rate: the one with the best mean validation score over a pair's benchmarks.

Every trained method is tried with as many rates. Equals are settled for the lower rate, which is nearer to the
untouched student.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semalign.config.statistics import StatisticsSettings
from semalign.errors import UserError
from semalign.files import read_json, read_jsonl, replace_folder, write_json, write_text
from semalign.provenance import Run
from semalign.statistics.intervals import Interval, mean_interval, mean_replicates, percentile_bounds
from semalign.statistics.scores import SCALE, Scores
from semalign.tables.text import csv_text, rate_text

logger = logging.getLogger("semalign")

COLUMNS = (
    *("pair", "benchmark", "method", "learning_rate", "items", "score", "score_low", "score_high"),
    *("chosen", "at_edge"),
)
MEAN = "mean"  # stands for a benchmark in the rows over all of them


@dataclass(frozen=True)
class Trial:
    """One training with one rate, scored on one benchmark's validation split."""

    benchmark: str
    learning_rate: float
    scores: Scores
    seconds: float


def choose_learning_rate(trials: Sequence[Path], pair: str, method: str, settings: Path, out: Path) -> float:
    """Compare the trials of one method on one pair; write choice.json and search.csv (one row a trial).

    A trial's folder is `<benchmark>/<method>/<rate>`. Raises UserError when a benchmark lacks a rate.
    """
    run = Run("choice", settings)
    statistics = StatisticsSettings(**run.settings)
    found = [_read(run.read(str(folder), folder)) for folder in trials]
    rates = sorted({trial.learning_rate for trial in found})
    by_rate = {rate: _of_rate(found, rate, trials) for rate in rates}
    means = {rate: _mean([trial.scores for trial in by_rate[rate]], statistics) for rate in rates}
    chosen = max(rates, key=lambda rate: (round(means[rate].estimate, 9), -rate))
    rows = []
    for rate in rates:
        base = {
            "pair": pair,
            "method": method,
            "learning_rate": rate_text(rate),
            "chosen": int(rate == chosen),
        }
        base["at_edge"] = int(len(rates) > 1 and rate in (rates[0], rates[-1]))
        for trial in by_rate[rate]:
            rows.append(
                base | _row(trial.benchmark, trial.scores.items, mean_interval(trial.scores, statistics))
            )
        rows.append(base | _row(MEAN, sum(trial.scores.items for trial in by_rate[rate]), means[rate]))
    seconds = {trial.benchmark: 0.0 for trial in found}
    for trial in found:
        seconds[trial.benchmark] += trial.seconds
    with replace_folder(out) as folder:
        write_json(folder / "choice.json", {"learning_rate": chosen, "seconds": seconds})
        write_text(folder / "search.csv", csv_text(COLUMNS, rows))
        run.seal(folder)
    _report(pair, method, chosen, means)
    return chosen


def _read(folder: Path) -> Trial:
    transfer = read_json(folder / "transfer" / "run.json")
    correct = [
        row["correct"] for row in sorted(read_jsonl(folder / "items.jsonl"), key=lambda row: row["id"])
    ]
    return Trial(
        folder.parent.parent.name,
        transfer["settings"]["optimisation"]["learning_rate"],
        Scores(SCALE * np.array([correct], dtype=np.float64), (transfer["seed"],)),
        transfer["cost"]["train_seconds"],
    )


def _of_rate(found: Sequence[Trial], rate: float, folders: Sequence[Path]) -> list[Trial]:
    """One trial a benchmark, in the order in which they were given."""
    benchmarks = list(dict.fromkeys(trial.benchmark for trial in found))
    chosen = {trial.benchmark: trial for trial in found if trial.learning_rate == rate}
    for benchmark in benchmarks:
        if benchmark not in chosen:
            raise UserError(f"{folders[0].parent}: learning rate {rate:g} was not tried on {benchmark}")
    return [chosen[benchmark] for benchmark in benchmarks]


def _mean(scores: Sequence[Scores], settings: StatisticsSettings) -> Interval:
    """Mean over benchmarks, each with its own draws of items."""
    streams = [settings.model_copy(update={"seed": settings.seed + i}) for i in range(len(scores))]
    replicates = [mean_replicates([given], own)[0] for given, own in zip(scores, streams, strict=True)]
    low, high = percentile_bounds(np.mean(replicates, axis=0), settings.confidence)
    if low == high:  # resampling sees no spread where all items of all benchmarks are alike
        single = [mean_interval(given, settings) for given in scores]
        low, high = (float(np.mean([getattr(i, bound) for i in single])) for bound in ("low", "high"))
    return Interval(float(np.mean([given.mean for given in scores])), max(0.0, low), min(SCALE, high))


def _row(benchmark: str, items: int, interval: Interval) -> dict[str, Any]:
    return {
        "benchmark": benchmark,
        "items": items,
        "score": interval.estimate,
        "score_low": interval.low,
        "score_high": interval.high,
    }


def _report(pair: str, method: str, chosen: float, means: dict[float, Interval]) -> None:
    listed = ", ".join(f"{rate:g}: {interval.estimate:.1f}" for rate, interval in means.items())
    edge = " (at the edge of the grid)" if len(means) > 1 and chosen in (min(means), max(means)) else ""
    logger.info("%s %s: learning rate %g%s; mean validation scores %s", pair, method, chosen, edge, listed)
