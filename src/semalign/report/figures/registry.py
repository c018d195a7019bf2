"""Figures by name: each `draw` is registered with `@figure`; Matplotlib is imported only when one is drawn.

To add a figure, write a new file in this folder.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from semalign.runtime.errors import UserError
from semalign.runtime.registry import Registry

if TYPE_CHECKING:
    import pandas as pd

DrawT = TypeVar("DrawT", bound=Callable[..., Any])

FIGURES: "Registry[Callable[[Mapping[str, pd.DataFrame]], Any]]" = Registry(
    "figure", "semalign.report.figures", "figure"
)


def figure(name: str, *, title: str, tables: tuple[str, ...]) -> Callable[[DrawT], DrawT]:
    """Register a figure; `tables` are those (file names without `.csv`) that it needs."""
    return lambda draw: draw


def draw(name: str, tables: "Mapping[str, pd.DataFrame]") -> Any:
    """Draw one figure from tidy tables; returns a `matplotlib.figure.Figure`.

    Raises UserError for an unknown name, and if a table that the figure needs is not given.
    """
    missing = [table for table in FIGURES.entry(name).facts["tables"] if table not in tables]
    if missing:
        raise UserError(
            f"figure {name}: table {missing[0]!r} is not given, found {', '.join(tables) or 'none'}"
        )
    return FIGURES.load(name)(tables)
