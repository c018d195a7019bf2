"""Decompose-recompose cosine per layer (paper Figure 2), with the controls that the paper leaves out."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from semalign.report.figures import rows
from semalign.report.figures.registry import figure
from semalign.report.figures.style import (
    BLUE,
    GREEN,
    GREY,
    MARKERS,
    VERMILLION,
    blank,
    distinct,
    legend,
    message,
    name_rows,
    spell,
    styled,
    whole_ticks,
)

COLORS = {"output": BLUE, "input": VERMILLION, "random": GREY, "dual": GREEN}
INTERFACES = {"block": "block output", "mlp": "MLP output", "attention": "attention output"}
FOLDED = {False: "final norm's gain\nnot folded", True: "final norm's gain\nfolded into the head"}
UNFOLDED = ("random", "dual")  # bases that folding can't change: one measurement is used for both
PERCENT = (0, 105)


@figure("decomposition", title="Decomposition", tables=("decomposition",))
def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `decomposition`: one column per interface, one row per model and fold, one colour per kind of bases.

    Solid with markers and a band: the measured cosine and its interval. Dotted: the cosine of an isotropic random
    state. Thin dashed: the shuffled control, which compares a state with the reconstruction of another one.

    With `head`, a last column shows how often the rebuilt final state keeps the most likely next token; with
    `crossing`, a row below shows the same for teacher states that were mapped to the student's space.
    """
    frame = tables["decomposition"]
    if frame.empty:
        return message("No decomposition measured.")
    head, crossing = tables.get("head"), tables.get("crossing")
    interfaces = [name for name in INTERFACES if name in set(frame["interface"])]
    lines = [(model, folded) for model in distinct(frame["model"]) for folded in _folds(frame, model)]
    below = 0.0 if crossing is None or crossing.empty else 0.95 + 0.24 * crossing["map"].nunique()
    extra = 0 if head is None or head.empty else 1
    with styled():
        height = 2.25 * len(lines)
        figure = blank(9.0 + 1.8 * extra, height + below + 0.7)
        parts = figure.subfigures(
            2 if below else 1, 1, squeeze=False, height_ratios=[height, below][: 2 if below else 1]
        )
        grid = parts[0, 0].subplots(len(lines), len(interfaces) + extra, squeeze=False, sharex=False)
        for row, (model, folded) in enumerate(lines):
            first, last = (
                row == 0 or lines[row - 1][0] != model,
                lines[row + 1 : row + 2] == [] or lines[row + 1][0] != model,
            )
            for column, interface in enumerate(interfaces):
                axes = grid[row, column]
                _draw_panel(axes, _select(frame, model, folded, interface))
                axes.set_title(
                    _title(frame, model, INTERFACES[interface]) if first else "", fontweight="bold"
                )
                axes.set_xlabel("layer" if last else "")
                axes.tick_params(axis="y", labelleft=column == 0)
            grid[row, 0].set_ylabel(f"mean cosine,\n{FOLDED[folded]}")
            if extra:
                _draw_head(grid[row, -1], _served(head, model, folded))
                grid[row, -1].set_title("final state:\nnext token kept" if first else "", fontweight="bold")
                grid[row, -1].set_xlabel("same top-1 token\n(% of positions)" if last else "")
        if below:
            _draw_crossing(parts[1, 0], crossing)
        legend(figure, _handles(frame), most=7)
    return figure


def _folds(frame: pd.DataFrame, model: str) -> list[bool]:
    return sorted({bool(value) for value in frame.loc[frame["model"] == model, "folded"]})


def _served(frame: Any, model: str, folded: bool) -> pd.DataFrame:
    """The rows of one model and fold, with those that folding does not change."""
    mine = frame[frame["model"] == model]
    own = mine[mine["folded"].astype(bool) == folded]
    missing = [name for name in UNFOLDED if name not in set(own["bases"])]
    return pd.concat([own, mine[mine["bases"].isin(missing)]])


def _select(frame: pd.DataFrame, model: str, folded: bool, interface: str) -> pd.DataFrame:
    return _served(frame[frame["interface"] == interface], model, folded)


def _title(frame: pd.DataFrame, model: str, title: str) -> str:
    return f"{spell(model)}:\n{title}" if frame["model"].nunique() > 1 else title


def _draw_panel(axes: Any, panel: pd.DataFrame) -> None:
    for number, bases in enumerate(COLORS):
        line = panel[panel["bases"] == bases].sort_values("layer")
        if line.empty:
            continue
        color, layers = COLORS[bases], line["layer"].to_numpy()
        dots = {"marker": MARKERS[number], "markersize": 3.5, "markevery": max(1, len(layers) // 10)}
        axes.fill_between(
            layers, line["cosine_low"], line["cosine_high"], color=color, alpha=0.2, linewidth=0
        )
        axes.plot(layers, line["shuffled"], color=color, linestyle=(0, (4, 2)), linewidth=0.8)
        axes.plot(layers, line["isotropic"], color=color, linestyle=(0, (1, 1.5)), linewidth=1.3)
        axes.plot(layers, line["cosine"], color=color, linewidth=1.5, **dots)
    low = float(panel[["cosine_low", "shuffled"]].min().min()) - 0.05
    axes.set_ylim(min(-0.05, 0.0 if pd.isna(low) else low), 1.05)
    whole_ticks(axes.xaxis, panel["layer"])


def _draw_head(axes: Any, head: pd.DataFrame) -> None:
    """Share of next tokens that are kept, in percent, one row per kind of bases."""
    labels = [name for name in COLORS if name in set(head["bases"])]
    for _, cell in head.iterrows():
        number = labels.index(cell["bases"])
        look = {"color": COLORS[cell["bases"]], "marker": MARKERS[list(COLORS).index(cell["bases"])]}
        rows.dot(axes, number, _shares(cell), markersize=4.5, **look)
    name_rows(axes, labels)
    axes.set_xlim(*PERCENT)


def _draw_crossing(part: Any, crossing: Any) -> None:
    pairs, maps = distinct(crossing["pair"]), distinct(crossing["map"])
    looks = {False: {"markerfacecolor": "white"}, True: {}}
    panels = part.subplots(1, len(pairs), squeeze=False, sharey=True)[0]
    for axes, pair in zip(panels, pairs, strict=True):
        for _, cell in crossing[crossing["pair"] == pair].iterrows():
            folded = bool(cell["folded"])
            row = maps.index(cell["map"]) + (0.14 if folded else -0.14)
            rows.dot(
                axes,
                row,
                _shares(cell),
                color=BLUE,
                marker="s" if folded else "o",
                markersize=4.5,
                **looks[folded],
            )
        name_rows(axes, [spell(name) for name in maps])
        axes.set_xlim(*PERCENT)
        axes.set_xlabel("same top-1 token as the teacher, read by the student's head (% of positions)")
        lead = f"{spell(pair)}: " if len(pairs) > 1 else ""
        title = (
            f"{lead}teacher's final state brought into the student's space (open: not folded, filled: folded)"
        )
        axes.set_title(title, fontweight="bold")


def _shares(cell: "pd.Series[Any]") -> list[float]:
    return [100 * float(cell[name]) for name in ("top1_agreement", "top1_low", "top1_high")]


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
