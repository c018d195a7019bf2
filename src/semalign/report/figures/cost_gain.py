"""Gain of each method over the student against what one training costs: operations and seconds."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from semalign.report.figures import rows
from semalign.report.figures.families import dot_look, families_of, family_handles
from semalign.report.figures.registry import figure
from semalign.report.figures.style import GREY, blank, distinct, legend, message, spell, styled, wrap
from semalign.report.sentences.budgets import costs_and_gains
from semalign.report.words import STUDENT

COLUMNS = 3  # without operations, which tables of earlier versions do not have
WIDE = 4  # ratio of the largest to the smallest cost from which the axis is logarithmic
VARIANT = 4.0  # size of a mark of a variant of a method
LABELS = {"flops": "operations of one training (FLOPs)", "seconds": "seconds of one training"}
PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")


class _Panel(NamedTuple):
    pair: str
    benchmark: str
    unit: str


@figure("cost_gain", title="Cost and gain", tables=("costs", "comparisons"))
def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `costs` with `comparisons`: per pair and benchmark a panel of operations and one of seconds.

    x: cost of one training; an open mark is the training alone, a filled one includes the signals that it reads. The
    axis of operations is logarithmic, that of seconds if they differ widely. y: difference from the student in points
    with its interval (not corrected for several tests). If there are many methods, those of one family share a colour.
    """
    table = costs_and_gains(tables["costs"], tables["comparisons"])
    if table.empty:
        return message("No method with both a cost and a difference from the student.")
    units = ["flops", "seconds"] if table["alone_flops"].notna().any() else ["seconds"]
    places = distinct(table[["pair", "benchmark"]].itertuples(index=False, name=None))
    panels = [_Panel(pair, benchmark, unit) for pair, benchmark in places for unit in units]
    columns = len(units) if len(units) > 1 else min(COLUMNS, len(panels))
    kin = families_of(table["method"])
    with styled():
        lines = math.ceil(len(panels) / columns)
        handles = [*rows.reference_handles([STUDENT]), *_handles(kin)]
        figure = blank(max(3.4 * columns, 5.0), 2.6 * lines + 0.2 * math.ceil(len(handles) / 4) + 0.4)
        grid = figure.subplots(lines, columns, squeeze=False, sharex="col" if len(units) > 1 else "all")
        for number, axes in enumerate(grid.flat):
            if number >= len(panels):
                axes.set_axis_off()
                continue
            _draw_panel(axes, table, panels[number], kin)
            if number % columns == 0:
                axes.set_ylabel("difference from\nthe student (points)")
            if number + columns >= len(panels):
                axes.set_xlabel(LABELS[panels[number].unit])
                axes.tick_params(axis="x", labelbottom=True)
        legend(figure, handles, most=4)
    return figure


def _draw_panel(axes: Any, table: pd.DataFrame, panel: _Panel, kin: Mapping[str, str]) -> None:
    wide = table["whole_seconds"].max() >= WIDE * table["alone_seconds"].min()
    if panel.unit == "flops" or wide:
        _spread(axes, panel.unit)
    axes.axhline(0, linewidth=1.3, zorder=2, **rows.LINES[STUDENT])
    for _, cell in table[(table["pair"] == panel.pair) & (table["benchmark"] == panel.benchmark)].iterrows():
        _draw_method(axes, cell, panel.unit, _look(cell["method"], kin))
    name = [spell(panel.pair)] if table["pair"].nunique() > 1 else []
    axes.set_title("\n".join([*name, wrap(panel.benchmark, 30)]), fontweight="bold")


def _draw_method(axes: Any, cell: Any, unit: str, look: dict[str, Any]) -> None:
    alone, whole, gain = cell[f"alone_{unit}"], cell[f"whole_{unit}"], cell["difference"]
    thin = {"color": look["color"], "linewidth": 1.1, "alpha": 0.7, "zorder": 3}
    axes.plot([whole] * 2, [cell["difference_low"], cell["difference_high"]], **thin)
    axes.plot([alone, whole], [gain] * 2, **thin)
    axes.plot([alone], [gain], **(look | {"markerfacecolor": "white", "markeredgecolor": look["color"]}))
    axes.plot([whole], [gain], **look)


def _spread(axes: Any, unit: str) -> None:
    axes.set_xscale("log")
    axes.tick_params(axis="x", which="both", length=3, pad=3)
    form = FuncFormatter(operations_text if unit == "flops" else _seconds)
    for which in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        which(form)


def _look(method: str, kin: Mapping[str, str]) -> dict[str, Any]:
    family = kin[method]
    look = dot_look(family, distinct(kin.values()), True)
    return look if method == family else look | {"markersize": VARIANT}


def _handles(kin: Mapping[str, str]) -> Sequence[Any]:
    """Legend entries of the families, and of the two kinds of marks."""
    look: dict[str, Any] = {"color": GREY, "marker": "o", "linestyle": "none"}
    entries = [
        Line2D([], [], label="open: training alone", markersize=6, markerfacecolor="white", **look),
        Line2D([], [], label="filled: with its signals", markersize=6, **look),
    ]
    if any(family != method for method, family in kin.items()):
        entries.append(Line2D([], [], label="small: a variant", markersize=VARIANT, **look))
    return [*family_handles(distinct(kin.values()), False), *entries]


def _seconds(value: float, position: Any = None) -> str:
    """Label the ticks at 1, 2 and 5 times a power of ten, without an exponent."""
    return f"{value:g}" if _is_round(value) else ""


def operations_text(value: float, position: Any = None) -> str:
    """Label of the same ticks with a prefix of the SI, such as `20 G`."""
    if not _is_round(value) or value < 1:
        return ""
    power = min(int(math.log10(value) + 1e-9) // 3, len(PREFIXES) - 1)
    return f"{value / 1000**power:g} {PREFIXES[power]}".strip()


def _is_round(value: float) -> bool:
    return f"{value:.0e}"[0] in "125"
