"""Tables of what attribution and pairing found: the profile over the teacher's layers, and the pairs drawn from it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from semalign.analysis.listing import signal_of
from semalign.config.statistics import StatisticsSettings
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json
from semalign.statistics.intervals import percentile_bounds
from semalign.statistics.resampling import ItemResampler

ATTRIBUTION = (
    *("pair", "benchmark", "name", "layer", "share", "share_low", "share_high", "examples", "critical"),
)
PAIRING = (
    *("pair", "benchmark", "name", "student_layer", "teacher_layer", "critical", "below", "above", "weight"),
    *("teacher_layers", "student_layers"),
)


def attribution_table(folders: Sequence[Path], settings: StatisticsSettings) -> pd.DataFrame:
    """One row a teacher layer (from 1) of every attribution folder, columns ATTRIBUTION.

    `share` is the mean over examples of |score| / sum over layers of |score|, between the bounds of a
    percentile interval, examples resampled; `critical` is 1 for the layer that ranks first.
    """
    rows = [row for folder in folders for row in _profile(folder, settings)]
    return pd.DataFrame(rows, columns=list(ATTRIBUTION))


def pairing_table(folders: Sequence[Path], depths: Mapping[str, tuple[int, int]]) -> pd.DataFrame:
    """One row a pair of layers of every pairing folder, columns PAIRING.

    `depths` holds (teacher layers, student layers) of every pair of models. Raises UserError where a folder's
    pair of models is not among them.
    """
    rows = [row for folder in folders for row in _pairs(folder, depths)]
    return pd.DataFrame(rows, columns=list(PAIRING))


def shares(scores: np.ndarray) -> np.ndarray:
    """|score| as a share of its example's sum over layers, [examples, layers].

    An example whose scores are all zero says nothing of the layers and is left out.
    """
    sizes = np.abs(scores)
    totals = sizes.sum(axis=1, keepdims=True)
    return np.asarray((sizes / np.where(totals > 0, totals, 1))[totals[:, 0] > 0])


def _profile(folder: Path, settings: StatisticsSettings) -> list[tuple[object, ...]]:
    signal, found = signal_of(folder, "attribution"), read_json(folder / "attribution.json")
    of_layers = shares(np.array(found["scores"], dtype=np.float64)).T
    examples = of_layers.shape[1]
    if not examples:
        raise UserError(f"{folder}: every score is zero, expected an example that some layer scores on")
    means = ItemResampler(examples, settings.resamples, settings.seed).means(of_layers)
    bounds = [percentile_bounds(row, settings.confidence) for row in means]
    return [
        (
            *(signal.pair, signal.benchmark, signal.name, layer),
            *(float(of_layers[layer - 1].mean()), max(0.0, low), min(1.0, high)),
            *(examples, int(layer == found["ranking"][0])),
        )
        for layer, (low, high) in enumerate(bounds, start=1)
    ]


def _pairs(folder: Path, depths: Mapping[str, tuple[int, int]]) -> list[tuple[object, ...]]:
    signal = signal_of(folder, "pairing")
    if signal.pair not in depths:
        raise UserError(
            f"{folder}: the depths of pair {signal.pair!r} are not known, expected them with --pair"
        )
    return [
        (
            *(signal.pair, signal.benchmark, signal.name),
            *(row["student"], row["teacher"], row["critical"], row["below"], row["above"], row["weight"]),
            *depths[signal.pair],
        )
        for row in read_json(folder / "pairing.json")["pairs"]
    ]
