"""Which teacher layers matter most for a task, by each way of scoring them."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from semalign.report.figures import flow
from semalign.report.figures.registry import figure
from semalign.report.figures.style import BLUE, GREY, VERMILLION, blank, legend, message, styled, whole_ticks
from semalign.report.levels import Levels
from semalign.report.reading import levels_of

COLUMNS = 5
MOST_BARS = 16  # with more layers, a line is drawn instead of bars
KEYS = ("pair", "benchmark", "name")


@figure("attribution", title="Attribution", tables=("attribution",))
def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `attribution`: one panel per benchmark and way of scoring, with each teacher layer's share in percent.

    Whiskers (or the band) are the interval over examples, the star is the critical layer, and the dotted line the
    share of every layer if all were equal.
    """
    frame = tables["attribution"]
    if frame.empty:
        return message("No attribution in this study.")
    panels = flow.panels_of(frame, KEYS)
    columns = flow.columns_of(panels, COLUMNS)
    with styled():
        figure = blank(*flow.size(len(panels), columns, 1.85, 1.75))
        for number, axes in flow.lay_out(figure, len(panels), columns, sharey=True):
            rows = frame[(frame[list(KEYS)] == list(panels[number])).all(axis=1)].sort_values("layer")
            _draw_panel(axes, rows)
            axes.set_title(flow.title(frame, panels[number], 24), fontsize=8)
            if number % columns == 0:
                axes.set_ylabel("share of all\nlayers (%)")
            if number + columns >= len(panels):
                axes.set_xlabel("teacher layer")
        legend(figure, _handles(levels_of(tables)))
    return figure


def _draw_panel(axes: Any, rows: pd.DataFrame) -> None:
    layers = rows["layer"].to_numpy()
    share, low, high = (100 * rows[name].to_numpy() for name in ("share", "share_low", "share_high"))
    critical = rows["critical"].to_numpy() == 1
    if len(layers) <= MOST_BARS:
        axes.bar(
            layers, share, width=0.7, color=[VERMILLION if top else BLUE for top in critical], alpha=0.75
        )
        axes.vlines(layers, low, high, color="black", linewidth=1.0, zorder=3)
    else:
        axes.fill_between(layers, low, high, color=BLUE, alpha=0.2, linewidth=0)
        axes.plot(layers, share, color=BLUE, linewidth=1.3)
    top = 1.06 * max(high.max(), share.max())
    axes.plot(
        layers[critical],
        high[critical] + 0.06 * top,
        color=VERMILLION,
        marker="*",
        markersize=7,
        linestyle="none",
    )
    axes.axhline(100 / len(layers), color=GREY, linestyle=":", linewidth=1.1)
    axes.set_ylim(0, max(1.12 * top, axes.get_ylim()[1]))
    whole_ticks(axes.xaxis, layers)


def _handles(levels: Levels) -> list[Any]:
    return [
        Patch(color=BLUE, alpha=0.75, linewidth=0, label="share of the absolute scores"),
        Line2D([], [], color="black", linewidth=1.0, label=f"{levels.percent} interval over examples"),
        Line2D([], [], color=VERMILLION, marker="*", markersize=7, linestyle="none", label="critical layer"),
        Line2D([], [], color=GREY, linestyle=":", linewidth=1.1, label="equal shares"),
    ]
