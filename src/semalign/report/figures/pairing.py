"""Which teacher layers are paired with which student layers, drawn as lines between two columns of layers."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from semalign.report.figures import flow
from semalign.report.figures.registry import figure
from semalign.report.figures.style import BLACK, BLUE, GREY, LIGHT, VERMILLION, blank, legend, message, styled

COLUMNS = 6
KEYS = ("pair", "benchmark", "name")
TEACHER, STUDENT = 0.0, 1.0
MOST_NUMBERED = 10  # with more layers, only the paired ones are numbered
CLOSEST = 0.07  # share of the depth; numbers closer than this would overlap
MOST_WEIGHED = 2  # with at most this many pairs, the weights are written next to the lines


@figure("pairing", title="Pairing", tables=("pairing",))
def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `pairing`: one panel per benchmark and setting, teacher layers on the left, student layers on the right.

    Height is relative depth (layer / number of layers), so that a horizontal line joins layers of the same depth. A
    line's width is the weight of the teacher layer in the mixture of two; the star is a critical teacher layer.
    """
    frame = tables["pairing"]
    if frame.empty:
        return message("No layers are paired in this study.")
    panels = flow.panels_of(frame, KEYS)
    columns = flow.columns_of(panels, COLUMNS)
    with styled():
        figure = blank(*flow.size(len(panels), columns, 1.6, 2.1))
        for number, axes in flow.lay_out(figure, len(panels), columns, sharey=True):
            _draw_panel(axes, frame[(frame[list(KEYS)] == list(panels[number])).all(axis=1)])
            axes.set_title(flow.title(frame, panels[number], 22), fontsize=8)
            if number % columns == 0:
                axes.set_ylabel("relative depth\n(layer / layers)")
        legend(figure, _handles())
    return figure


def _draw_panel(axes: Any, rows: pd.DataFrame) -> None:
    depths = {TEACHER: int(rows["teacher_layers"].iloc[0]), STUDENT: int(rows["student_layers"].iloc[0])}
    for row in rows.to_dict("records"):
        for layer, weight in sources(row).items():
            ends = [layer / depths[TEACHER], row["student_layer"] / depths[STUDENT]]
            width = (0.5 + 3 * weight) * (1 if len(rows) <= MOST_NUMBERED else 0.4)
            axes.plot([TEACHER, STUDENT], ends, color=BLUE, linewidth=width, alpha=0.8, zorder=2)
            if len(rows) <= MOST_WEIGHED and 0 < weight < 1:
                middle = 0.62 * ends[0] + 0.38 * ends[1]
                box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}
                axes.text(
                    0.38, middle, f"{weight:.2f}", fontsize=8, ha="center", va="center", bbox=box, zorder=4
                )
    used = {TEACHER: {layer for row in rows.to_dict("records") for layer in sources(row)}}
    used[STUDENT] = set(rows["student_layer"])
    for column, depth in depths.items():
        _draw_nodes(axes, column, depth, used[column])
    critical = [layer / depths[TEACHER] for layer in sorted(set(rows["critical"]))]
    star = {
        "color": VERMILLION,
        "marker": "*",
        "markersize": 8 if len(critical) <= MOST_NUMBERED else 4,
        "linestyle": "none",
        "zorder": 5,
    }
    axes.plot([TEACHER] * len(critical), critical, **star)
    axes.set(xlim=(-0.45, 1.45), ylim=(0, 1.1), xticks=[TEACHER, STUDENT], xticklabels=["teacher", "student"])
    axes.tick_params(axis="x", length=0)
    axes.grid(visible=False)


def sources(row: Mapping[Any, Any]) -> dict[int, float]:
    """Teacher layer -> its weight in the target of one pair; a layer of weight 0 is left out."""
    mixed = {int(row["below"]): 1 - float(row["weight"])}
    mixed[int(row["above"])] = mixed.get(int(row["above"]), 0.0) + float(row["weight"])
    return {layer: weight for layer, weight in mixed.items() if weight > 0}


def _draw_nodes(axes: Any, column: float, depth: int, used: set[int]) -> None:
    size = 5.5 if depth <= MOST_NUMBERED else 3.0
    free = 0.0  # where the next number fits
    for layer in range(1, depth + 1):
        color = BLUE if layer in used else LIGHT
        axes.plot([column], [layer / depth], color=color, marker="o", markersize=size, zorder=3)
        if layer / depth >= free and (depth <= MOST_NUMBERED or layer in used):
            free = layer / depth + CLOSEST
            _number(axes, column, layer, depth, BLACK if layer in used else GREY)


def _number(axes: Any, column: float, layer: int, depth: int, color: str) -> None:
    offset, anchor = (-7, "right") if column == TEACHER else (7, "left")
    text = {"xytext": (offset, 0), "textcoords": "offset points", "ha": anchor, "va": "center"}
    axes.annotate(str(layer), (column, layer / depth), fontsize=8, color=color, **text)


def _handles() -> list[Any]:
    dot: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 5.5}
    return [
        Line2D(
            [],
            [],
            color=VERMILLION,
            marker="*",
            markersize=8,
            linestyle="none",
            label="critical teacher layer",
        ),
        Line2D([], [], color=BLUE, label="paired layer", **dot),
        Line2D([], [], color=LIGHT, label="other layer", **dot),
        Line2D([], [], color=BLUE, linewidth=2.5, label="pair (width: weight in the target)"),
    ]
