"""The share of the gap between student and teacher that each method closes."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from semalign.report.figures import rows
from semalign.report.figures.registry import figure
from semalign.report.figures.style import (
    GREY,
    LIGHT,
    blank,
    distinct,
    legend,
    look_of,
    message,
    spell,
    styled,
)
from semalign.report.words import REFERENCES, STUDENT, TEACHER

# A small gap makes wide intervals; those that leave this window (in percent of the gap) end in an arrow.
WINDOW = (-150.0, 250.0)


@figure("gap_closed", title="Share of the gap closed", tables=("main",))
def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `main`: one panel per pair, one row per method, one colour per benchmark.

    The axis is (score - student) / (teacher - student) in percent: 0 is the student, 100 the teacher. A
    benchmark without a gap for any method (the teacher is not clearly above the student) is named instead.
    """
    main = tables["main"]
    main = main[~main["method"].isin(REFERENCES)]
    benchmarks = defined(main)
    if not benchmarks:
        return message("No gap to draw: the teacher is not clearly above the student on any benchmark.")
    with styled():
        pairs = distinct(main["pair"])
        blocks = [main[main["pair"] == pair] for pair in pairs]
        heights = [_height(block) for block in blocks]
        figure = blank(8.0, sum(heights) + 0.6)
        grid = figure.subplots(len(pairs), 1, squeeze=False, sharex=True, height_ratios=heights)[:, 0]
        for axes, pair, block in zip(grid, pairs, blocks, strict=True):
            _draw_pair(axes, block, benchmarks)
            axes.set_title(spell(pair) if len(pairs) > 1 else "", fontweight="bold", loc="left")
        grid[-1].set_xlabel("gap closed (% of teacher minus student)")
        legend(figure, [*rows.reference_handles(), *_handles(benchmarks)], most=6)
    return figure


def defined(main: pd.DataFrame) -> list[str]:
    """The benchmarks on which some method has a gap to close, in the table's order."""
    return distinct(main.loc[main["gap_closed"].notna(), "benchmark"])


def _height(block: pd.DataFrame) -> float:
    return rows.row_height(distinct(block["method"]), max(0.28, 0.11 * len(defined(block)) + 0.1)) + 0.7


def _draw_pair(axes: Any, block: pd.DataFrame, benchmarks: list[str]) -> None:
    methods, here = distinct(block["method"]), defined(block)
    for row in range(1, len(methods), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="#F6F6F6", linewidth=0, zorder=0)
    rows.upright(axes, 0, STUDENT)
    rows.upright(axes, 100, TEACHER)
    for _, cell in block.dropna(subset=["gap_closed"]).iterrows():
        offset = 0.72 / len(here) * (here.index(cell["benchmark"]) - (len(here) - 1) / 2)
        _draw_share(
            axes, methods.index(cell["method"]) + offset, cell, look_of(benchmarks.index(cell["benchmark"]))
        )
    rows.name_methods(axes, methods)
    _note_undefined(axes, [name for name in distinct(block["benchmark"]) if name not in here])


def _draw_share(axes: Any, row: float, cell: "pd.Series[Any]", look: dict[str, Any]) -> None:
    """One share in percent of the gap, cut at the window with an arrow at each end that leaves it."""
    share, low, high = (
        100 * float(cell[name]) for name in ("gap_closed", "gap_closed_low", "gap_closed_high")
    )
    rows.dot(axes, row, [_inside(value) for value in (share, low, high)], markersize=4.5, **look)
    arrow = {"color": look["color"], "linestyle": "none", "markersize": 5, "zorder": 4}
    if low < WINDOW[0]:
        axes.plot([WINDOW[0]], [row], marker="<", **arrow)
    if high > WINDOW[1]:
        axes.plot([WINDOW[1]], [row], marker=">", **arrow)


def _inside(value: float) -> float:
    """`value` cut at the window; an undefined bound stays undefined."""
    return value if pd.isna(value) else min(max(value, WINDOW[0]), WINDOW[1])


def _note_undefined(axes: Any, undefined: list[str]) -> None:
    if not undefined:
        return
    names = ", ".join(spell(name) for name in undefined)
    axes.annotate(
        f"undefined on {names}: teacher not clearly above student",
        (1.0, 1.0),
        xycoords="axes fraction",
        xytext=(0, 4),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=8,
        color=GREY,
        bbox={"facecolor": "white", "edgecolor": LIGHT, "linewidth": 0.5, "pad": 2},
    )


def _handles(benchmarks: list[str]) -> list[Any]:
    return [
        Line2D([], [], linewidth=1.6, markersize=4.5, label=spell(name), **look_of(number))
        for number, name in enumerate(benchmarks)
    ]
