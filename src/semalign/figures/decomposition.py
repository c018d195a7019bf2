"""Decompose-recompose cosine per layer (paper Figure 2), with the controls that the paper leaves out."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from semalign.figures.style import (
    BLUE,
    GREY,
    MARKERS,
    VERMILLION,
    blank,
    distinct,
    legend,
    message,
    spell,
    styled,
    whole_ticks,
)

COLORS = {"output": BLUE, "input": VERMILLION, "random": GREY}
INTERFACES = {"block": "block output", "mlp": "MLP output", "attention": "attention output"}
FOLDED = {False: "final norm's gain\nnot folded", True: "final norm's gain\nfolded into the head"}


def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `decomposition`: a column an interface, a row a model and fold, a colour a kind of bases.

    Solid with markers and a band: the measured cosine and its interval. Dotted: what an isotropic random
    state would score. Thin dashed: the shuffled control, a state against the reconstruction of another.
    """
    frame = tables["decomposition"]
    if frame.empty:
        return message("No decomposition measured.")
    interfaces = [name for name in INTERFACES if name in set(frame["interface"])]
    lines = [(model, folded) for model in distinct(frame["model"]) for folded in _folds(frame, model)]
    with styled():
        figure = blank(9.0, 2.25 * len(lines) + 0.7)
        grid = figure.subplots(len(lines), len(interfaces), squeeze=False, sharey=True, sharex="row")
        for row, (model, folded) in enumerate(lines):
            for column, interface in enumerate(interfaces):
                axes = grid[row, column]
                _draw_panel(axes, _select(frame, model, folded, interface))
                if row == 0 or lines[row - 1][0] != model:
                    axes.set_title(_title(frame, model, interface), fontweight="bold")
                axes.set_xlabel("layer" if row == len(lines) - 1 or lines[row + 1][0] != model else "")
            grid[row, 0].set_ylabel(f"mean cosine,\n{FOLDED[folded]}")
        legend(figure, _handles(frame), most=6)
    return figure


def _folds(frame: pd.DataFrame, model: str) -> list[bool]:
    return sorted({bool(value) for value in frame.loc[frame["model"] == model, "folded"]})


def _select(frame: pd.DataFrame, model: str, folded: bool, interface: str) -> pd.DataFrame:
    """One panel's rows. Random bases know no head, so an unfolded measurement serves both folds."""
    panel = frame[(frame["model"] == model) & (frame["interface"] == interface)]
    chosen = panel[panel["folded"].astype(bool) == folded]
    if "random" not in set(chosen["bases"]):
        chosen = pd.concat([chosen, panel[panel["bases"] == "random"]])
    return chosen


def _title(frame: pd.DataFrame, model: str, interface: str) -> str:
    title = INTERFACES[interface]
    return f"{spell(model)}: {title}" if frame["model"].nunique() > 1 else title


def _draw_panel(axes: Any, panel: pd.DataFrame) -> None:
    for number, bases in enumerate(COLORS):
        rows = panel[panel["bases"] == bases].sort_values("layer")
        if rows.empty:
            continue
        color, layers = COLORS[bases], rows["layer"].to_numpy()
        dots = {"marker": MARKERS[number], "markersize": 3.5, "markevery": max(1, len(layers) // 10)}
        axes.fill_between(
            layers, rows["cosine_low"], rows["cosine_high"], color=color, alpha=0.2, linewidth=0
        )
        axes.plot(layers, rows["shuffled"], color=color, linestyle=(0, (4, 2)), linewidth=0.8)
        axes.plot(layers, rows["isotropic"], color=color, linestyle=(0, (1, 1.5)), linewidth=1.3)
        axes.plot(layers, rows["cosine"], color=color, linewidth=1.5, **dots)
    low = min(-0.05, float(panel[["cosine_low", "shuffled"]].min().min()) - 0.05)
    axes.set_ylim(min(low, axes.get_ylim()[0]) if axes.lines else low, 1.05)
    whole_ticks(axes.xaxis, panel["layer"])


def _handles(frame: pd.DataFrame) -> list[Any]:
    bases = [
        Line2D(
            [], [], color=color, marker=MARKERS[number], markersize=3.5, linewidth=1.5, label=f"{name} bases"
        )
        for number, (name, color) in enumerate(COLORS.items())
        if name in set(frame["bases"])
    ]
    return [
        *bases,
        Line2D([], [], color="black", linestyle="-", linewidth=1.5, label="measured"),
        Line2D([], [], color="black", linestyle=(0, (1, 1.5)), linewidth=1.3, label="isotropic prediction"),
        Line2D([], [], color="black", linestyle=(0, (4, 2)), linewidth=0.8, label="shuffled control"),
    ]
