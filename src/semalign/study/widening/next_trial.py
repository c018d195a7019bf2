"""Which trial follows beyond a grid."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from semalign.config.search import RATE
from semalign.runtime.provenance import read_settings
from semalign.statistics.learning_rates import End, Trial, best_trial, edge_of, value_at

Further = Mapping[End, Mapping[Path, Any]]  # end of the grid -> settings file of a trial -> its content


def read_further(lowest: Iterable[Path], highest: Iterable[Path]) -> Further:
    """Read the settings of the trials that may follow beyond both ends of a grid."""
    return {
        "lowest": {path: read_settings(path) for path in lowest},
        "highest": {path: read_settings(path) for path in highest},
    }


def trial_of(settings: Path) -> str:
    """Return the trial that a settings file is named after, without the benchmark that the settings may be for."""
    return settings.stem.partition("@")[0]


def next_trial(tried: Sequence[Trial], further: Further) -> Path | None:
    """Return the settings file of the trial to make next; None if the best one is inside, or nothing is left.

    The next trial has the other settings of the best one, and the nearest learning rate beyond the end at which the
    best one is. If all rates have the same score (and likelihood, where it is known), the grid may be far too low or
    far too high: higher rates are tried first, then lower ones.
    """
    best = best_trial(tried)
    edge = edge_of(best, tried)
    if edge is None:
        return None
    row = [trial for trial in tried if trial.others == best.others]
    alike = len({(round(trial.scores.mean, 9), trial.bits) for trial in row}) == 1
    ends: list[End] = ["highest", "lowest"] if alike else [edge]
    found = (_nearest(end, further[end], row) for end in ends)
    return next((path for path in found if path), None)


def _nearest(end: End, further: Mapping[Path, Any], row: Sequence[Trial]) -> Path | None:
    """The settings with the nearest learning rate beyond those of trials whose other settings are the same."""
    sign = 1 if end == "highest" else -1
    last = max(sign * trial.learning_rate for trial in row)
    left = {
        path: sign * value_at(settings, RATE)
        for path, settings in further.items()
        if all(value_at(settings, key) == value for key, value in row[0].others.items())
    }
    left = {path: rate for path, rate in left.items() if rate > last}
    return min(left, key=lambda path: left[path]) if left else None
