"""Tables of attribution and pairing: the profile over the teacher's layers, and the layer pairs chosen from it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from semalign.analysis.listing import Signal, signal_of
from semalign.config.cells import DEFAULT
from semalign.config.statistics import StatisticsSettings
from semalign.models.loading import read_shape
from semalign.models.vocabulary import count_shared
from semalign.runtime.columns import COLUMNS
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json
from semalign.statistics.intervals import percentile_bounds
from semalign.statistics.resampling import ItemResampler

Models = Mapping[str, tuple[Path, Path]]  # name of a pair -> its teacher's and its student's folder


def attribution_table(folders: Sequence[Path], settings: StatisticsSettings) -> pd.DataFrame:
    """One row per teacher layer (from 1) of every attribution folder.

    `share` is the mean over examples of |score| / sum over layers of |score|, with the bounds of a
    percentile interval over resampled examples; `critical` is 1 for the layer that ranks first.
    """
    rows = [row for folder in folders for row in _profile(folder, settings)]
    return pd.DataFrame(rows, columns=list(COLUMNS["attribution"]))


def pairing_table(folders: Sequence[Path], models: Models, alignments: Sequence[Path] = ()) -> pd.DataFrame:
    """One row per pair of layers of every pairing folder, with the models' depths and their number of shared tokens.

    `alignments` are folders of alignments. They tell how many rows of both LM heads are left out because they were
    never trained; these columns are empty for a pair without alignment. Raises UserError if a folder's pair is not
    among `models`.
    """
    left_out = _left_out(alignments)
    depths = {name: (_depth(teacher), _depth(student)) for name, (teacher, student) in models.items()}
    shared = {name: count_shared(*pair) for name, pair in models.items()}
    rows: list[tuple[object, ...]] = []
    for folder in folders:
        signal = signal_of(folder, "pairing")
        if signal.pair not in models:
            raise UserError(f"{folder}: found unknown pair {signal.pair!r}, expected its models with --pair")
        ends = (*depths[signal.pair], *shared[signal.pair], *left_out.get(signal.pair, (None, None)))
        rows += [(*row, *ends) for row in _pairs(folder, signal)]
    return pd.DataFrame(rows, columns=list(COLUMNS["pairing"]))


def shares(scores: np.ndarray) -> np.ndarray:
    """|score| as a share of its example's sum over layers, [examples, layers].

    An example whose scores are all zero says nothing about the layers and is left out.
    """
    sizes = np.abs(scores)
    totals = sizes.sum(axis=1, keepdims=True)
    return np.asarray((sizes / np.where(totals > 0, totals, 1))[totals[:, 0] > 0])


def _profile(folder: Path, settings: StatisticsSettings) -> list[tuple[object, ...]]:
    signal = signal_of(folder, "attribution")
    stored = read_json(folder / "attribution.json")
    of_layers = shares(np.array(stored["scores"], dtype=np.float64)).T
    examples = of_layers.shape[1]
    if not examples:
        raise UserError(f"{folder}: found only scores of zero, expected an example with other scores")
    means = ItemResampler(examples, settings.resamples, settings.seed).means(of_layers)
    bounds = [percentile_bounds(row, settings.confidence) for row in means]
    return [
        (
            signal.pair,
            signal.benchmark,
            signal.name,
            layer,
            float(of_layers[layer - 1].mean()),
            max(0.0, low),
            min(1.0, high),
            examples,
            int(layer == stored["ranking"][0]),
        )
        for layer, (low, high) in enumerate(bounds, start=1)
    ]


def _pairs(folder: Path, signal: Signal) -> list[tuple[object, ...]]:
    keys = ("student", "teacher", "critical", "below", "above", "weight")
    pairs = read_json(folder / "pairing.json")["pairs"]
    return [(signal.pair, signal.benchmark, signal.name, *(row[key] for key in keys)) for row in pairs]


def _left_out(alignments: Sequence[Path]) -> dict[str, tuple[int, int]]:
    """Name of a pair -> rows of the teacher's and of the student's head that its maps leave out.

    If the alignments of a pair differ, the one with the default settings counts.
    """
    found: dict[str, tuple[int, int]] = {}
    for folder in alignments:
        signal = signal_of(folder, "alignment")
        rows = read_json(folder / "alignment.json")["rows"]
        if rows and (signal.pair not in found or signal.name == DEFAULT):
            found[signal.pair] = (
                rows["teacher"]["head"]["left_out"],
                rows["student"]["head"]["left_out"],
            )
    return found


def _depth(model: Path) -> int:
    return read_shape(model).layers
