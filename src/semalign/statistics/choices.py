"""The files of a choice among the trials of a search."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from semalign.config.search import RATE
from semalign.runtime.command import grouped
from semalign.runtime.files import write_json, write_jsonl
from semalign.statistics.learning_rates import Trial, best_trial, edge_of

logger = logging.getLogger("semalign")


@grouped
@dataclass(frozen=True)
class Searched:
    """What a search is for, in addition to the benchmark.

    Attributes:
        pair: Name of the pair.
        method: Name of the method.
        variant: Name of the variant.
    """

    pair: str
    method: str
    variant: str = "default"

    def names(self, benchmark: str) -> dict[str, str]:
        """The names of a search on one benchmark, as in the tables."""
        return {"pair": self.pair, "benchmark": benchmark, "method": self.method, "variant": self.variant}


def write_choice(
    folder: Path, tried: Sequence[Trial], student: float, keys: Sequence[str], names: dict[str, str]
) -> None:
    """Write choice.json, and trials.jsonl with the scores of each trial.

    `student` is the untouched student's validation score in percent, `keys` are the searched settings.
    """
    best = best_trial(tried)
    values = {RATE: best.learning_rate, **best.others}
    choice = {
        "learning_rate": best.learning_rate,
        "chosen": {key: values[key] for key in keys},
        "score": best.scores.mean,
        "student": student,
        "at_edge": edge_of(best, tried),
        "trials": len(tried),
        "seconds": round(sum(trial.seconds for trial in tried), 3),
        "flops": _flops(tried),
    }
    write_json(folder / "choice.json", choice)
    write_jsonl(folder / "trials.jsonl", (names | trial.row for trial in tried))
    scored = ", ".join(f"{_shown(trial)}: {trial.scores.mean:.1f}" for trial in tried)
    facts = "/".join(names.values()), _shown(best), scored, student
    logger.info("%s: learning rate %s; validation scores %s; student %.1f", *facts)


def _flops(tried: Sequence[Trial]) -> int | None:
    """Operations of all trials; None if one of them was not counted."""
    counted = [trial.flops for trial in tried if trial.flops is not None]
    return sum(counted) if len(counted) == len(tried) else None


def _shown(trial: Trial) -> str:
    """The searched values of a trial, learning rate first."""
    others = (f"{key} {value}" for key, value in trial.others.items())
    return " with ".join(filter(None, [f"{trial.learning_rate:g}", ", ".join(others)]))
