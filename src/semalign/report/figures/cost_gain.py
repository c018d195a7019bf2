"""Gain of each method over the student against its cost in seconds."""

from collections.abc import Mapping
from math import ceil
from typing import Any

import pandas as pd
from matplotlib.ticker import FuncFormatter

from semalign.report.figures import rows
from semalign.report.figures.families import dot_look, families_of, family_handles
from semalign.report.figures.registry import figure
from semalign.report.figures.style import blank, distinct, legend, message, spell, styled, wrap
from semalign.report.sentences.budgets import costs_and_gains
from semalign.report.words import STUDENT

COLUMNS = 3
WIDE = 4  # ratio of the largest to the smallest cost from which the axis is logarithmic


@figure("cost_gain", title="Cost and gain", tables=("costs", "comparisons"))
def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `costs` with `comparisons`: one panel per pair and benchmark, one dot per method.

    x: seconds of one training run, of the search before it and of the teacher's signals, on a logarithmic axis if they
    differ widely. y: difference from the student in points with its interval (not corrected for several tests). If
    there are many methods, those of one family share a colour.
    """
    table = costs_and_gains(tables["costs"], tables["comparisons"])
    if table.empty:
        return message("No method with both a cost and a difference from the student.")
    panels = distinct(table[["pair", "benchmark"]].itertuples(index=False, name=None))
    kin = families_of(table["method"])
    families = distinct(kin.values())
    columns = 2 if len(panels) == 4 else min(COLUMNS, len(panels))
    logarithmic = table["seconds"].max() >= WIDE * table["seconds"].min()
    with styled():
        lines = ceil(len(panels) / columns)
        wide, high = (7.0, 3.8) if len(panels) == 1 else (3.1 * columns, 2.6 * lines)
        figure = blank(wide, high + 0.2 * ceil((len(families) + 2) / 4) + 0.4)
        grid = figure.subplots(lines, columns, squeeze=False, sharex=True)
        for number, axes in enumerate(grid.flat):
            if number >= len(panels):
                axes.set_axis_off()
                continue
            pair, benchmark = panels[number]
            if logarithmic:
                _spread(axes)
            _draw_panel(axes, table[(table["pair"] == pair) & (table["benchmark"] == benchmark)], kin)
            name = [spell(pair)] if table["pair"].nunique() > 1 else []
            axes.set_title("\n".join([*name, wrap(benchmark, 30)]), fontweight="bold")
            if number % columns == 0:
                axes.set_ylabel("difference from\nthe student (points)")
            if number + columns >= len(panels):
                axes.set_xlabel("training, search and signals (s)")
                axes.tick_params(axis="x", labelbottom=True)
        others = any(family != method for method, family in kin.items())
        legend(figure, [*rows.reference_handles([STUDENT]), *family_handles(families, others)], most=4)
    return figure


def _spread(axes: Any) -> None:
    axes.set_xscale("log")
    axes.tick_params(axis="x", which="both", length=3, pad=3)
    for which in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        which(FuncFormatter(_seconds))


def _draw_panel(axes: Any, panel: pd.DataFrame, kin: Mapping[str, str]) -> None:
    families = distinct(kin.values())
    axes.axhline(0, linewidth=1.3, zorder=2, **rows.LINES[STUDENT])
    for _, cell in panel.iterrows():
        look = dot_look(kin[cell["method"]], families, kin[cell["method"]] == cell["method"])
        bounds = [cell["difference_low"], cell["difference_high"]]
        axes.plot([cell["seconds"]] * 2, bounds, color=look["color"], linewidth=1.1, alpha=0.7, zorder=3)
        axes.plot([cell["seconds"]], [cell["difference"]], **look)


def _seconds(value: float, position: Any = None) -> str:
    """Label the ticks at 1, 2 and 5 times a power of ten, without an exponent."""
    digit = f"{value:.0e}"[0]
    return f"{value:g}" if digit in "125" else ""
