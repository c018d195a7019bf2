"""From folders to tables: what the scripts do that collect what a study's stages have written."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from semalign.analysis.curves import curves_table
from semalign.analysis.signals import attribution_table, pairing_table
from semalign.config.statistics import StatisticsSettings
from semalign.models.loading import read_shape
from semalign.models.vocabulary import count_shared
from semalign.runtime.files import read_json, write_text


def collect_signals(
    attributions: Sequence[Path],
    pairings: Sequence[Path],
    models: Mapping[str, tuple[Path, Path]],
    settings: Path | None,
    attribution_out: Path,
    pairing_out: Path,
) -> None:
    """Write the tables of `signals`; `models` holds the teacher's and student's folders of every pair.

    `settings` is a JSON file of the statistics section.
    """
    chosen = StatisticsSettings.model_validate(read_json(settings) if settings else {})
    depths = {
        name: (read_shape(teacher).layers, read_shape(student).layers)
        for name, (teacher, student) in models.items()
    }
    _write(attribution_table(attributions, chosen), attribution_out)
    shared = {name: count_shared(*folders) for name, folders in models.items()}
    pairs = pairing_table(pairings, depths)
    for place, column in enumerate(("shared_tokens", "student_tokens")):
        pairs[column] = [shared[name][place] for name in pairs["pair"]]
    _write(pairs, pairing_out)


def collect_curves(cells: Sequence[Path], out: Path) -> None:
    """Write the table of `curves.curves_table`."""
    _write(curves_table(cells), out)


def _write(table: pd.DataFrame, path: Path) -> None:
    # six digits, not six decimals: a share or a loss may be tiny
    write_text(path, table.to_csv(index=False, float_format="%.6g"))
