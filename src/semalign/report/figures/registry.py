"""Which figures there are, by name; a figure's module (and Matplotlib) is imported only when it is drawn."""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from semalign.runtime.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


class Entry(NamedTuple):
    """Where a figure's `draw` lives and which tables (file names without `.csv`) it can't do without."""

    module: str
    tables: tuple[str, ...]


FIGURES: dict[str, Entry] = {
    "scores": Entry("semalign.report.figures.scores", ("main",)),
    "gap_closed": Entry("semalign.report.figures.gap_closed", ("main",)),
    "decomposition": Entry("semalign.report.figures.decomposition", ("decomposition",)),
    "similarity": Entry("semalign.report.figures.similarity", ("similarity",)),
    "ablation": Entry("semalign.report.figures.ablation", ("ablations",)),
    "attribution": Entry("semalign.report.figures.attribution", ("attribution",)),
    "pairing": Entry("semalign.report.figures.pairing", ("pairing",)),
    "curves": Entry("semalign.report.figures.curves", ("curves",)),
    "geometry": Entry("semalign.report.figures.geometry", ("geometry", "seeds")),
    "cost_gain": Entry("semalign.report.figures.cost_gain", ("costs", "comparisons")),
    "agreement": Entry("semalign.report.figures.agreement", ("agreement",)),
}


def draw(name: str, tables: "Mapping[str, pd.DataFrame]") -> Any:
    """Draw one figure from tidy tables; returns a `matplotlib.figure.Figure`.

    Raises UserError where the name is unknown or a table that the figure reads is not given.
    """
    if name not in FIGURES:
        raise UserError(f"figure: found {name!r}, expected one of {', '.join(FIGURES)}")
    missing = [table for table in FIGURES[name].tables if table not in tables]
    if missing:
        raise UserError(
            f"figure {name}: table {missing[0]!r} is not given, found {', '.join(tables) or 'none'}"
        )
    return importlib.import_module(FIGURES[name].module).draw(tables)
