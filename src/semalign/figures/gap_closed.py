"""The share of the gap between student and teacher that each method closes."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from semalign.figures import rows
from semalign.figures.style import (
    BLACK,
    CYCLE,
    GREEN,
    GREY,
    LIGHT,
    MARKERS,
    blank,
    distinct,
    message,
    name_rows,
    spell,
    styled,
    wrap,
)

# A gap of few points has endless intervals; what leaves this window (in percent of the gap) ends in an arrow.
WINDOW = (-150.0, 250.0)


def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `main`: a panel a pair, a row a method, a colour a benchmark.

    The axis is (score - student) / (teacher - student) in percent: 0 is the student, 100 the teacher. A benchmark
    on which the gap is undefined for every method (the teacher is not clearly above the student) is named below.
    """
    main = tables["main"]
    main = main[~main["method"].isin(rows.REFERENCES)]
    pairs = distinct(main["pair"])
    if main["gap_closed"].isna().all():
        return message("No gap to draw: the teacher is not clearly above the student on any benchmark.")
    benchmarks = distinct(main["benchmark"])
    with styled():
        blocks = [main[main["pair"] == pair] for pair in pairs]
        heights = [_height(block, len(benchmarks)) for block in blocks]
        figure = blank(8.0, sum(heights) + 0.6)
        grid = figure.subplots(len(pairs), 1, squeeze=False, sharex=True, height_ratios=heights)[:, 0]
        for axes, pair, block in zip(grid, pairs, blocks, strict=True):
            _draw_pair(axes, block, benchmarks)
            axes.set_title(spell(pair) if len(pairs) > 1 else "", fontweight="bold", loc="left")
        grid[-1].set_xlabel("gap closed (% of teacher minus student)")
        figure.legend(handles=_handles(benchmarks), loc="outside lower center", ncols=min(len(benchmarks), 5))
    return figure


def _height(block: pd.DataFrame, benchmarks: int) -> float:
    return rows.row_height(distinct(block["method"]), max(0.3, 0.11 * benchmarks + 0.1)) + 0.7


def _draw_pair(axes: Any, block: pd.DataFrame, benchmarks: list[str]) -> None:
    methods = distinct(block["method"])
    step = 0.72 / len(benchmarks)
    for row in range(1, len(methods), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="#F6F6F6", linewidth=0, zorder=0)
    axes.axvline(0, color=BLACK, linestyle=":", linewidth=1.3, zorder=2)
    axes.axvline(100, color=GREEN, linestyle="--", linewidth=1.3, zorder=2)
    for _, cell in block.iterrows():
        number = benchmarks.index(cell["benchmark"])
        row = methods.index(cell["method"]) + step * (number - (len(benchmarks) - 1) / 2)
        _draw_share(axes, row, cell, _look(number))
    name_rows(axes, [wrap(method, rows.LABEL_WIDTH) for method in methods], _strong(methods))
    axes.text(0, 1.0, "student", transform=axes.get_xaxis_transform(), ha="center", va="bottom", fontsize=8)
    axes.text(
        100, 1.0, "teacher", transform=axes.get_xaxis_transform(), ha="center", va="bottom", fontsize=8, color=GREEN
    )
    _note_undefined(axes, block)


def _strong(methods: list[str]) -> list[int]:
    return [row for row, method in enumerate(methods) if rows.is_focus(method)]


def _draw_share(axes: Any, row: float, cell: "pd.Series[Any]", look: dict[str, Any]) -> None:
    """One share in percent of the gap, clipped to the window with an arrow at each end that leaves it."""
    share, low, high = (100 * float(cell[name]) for name in ("gap_closed", "gap_closed_low", "gap_closed_high"))
    inside = [min(max(value, WINDOW[0]), WINDOW[1]) if value == value else value for value in (share, low, high)]
    rows.dot(axes, row, inside, markersize=4.5, **look)
    for value, end, marker in ((low, WINDOW[0], "<"), (high, WINDOW[1], ">")):
        if (value < end) if marker == "<" else (value > end):
            axes.plot([end], [row], marker=marker, markersize=5, color=look["color"], linestyle="none", zorder=4)


def _look(number: int) -> dict[str, Any]:
    return {"color": CYCLE[number % len(CYCLE)], "marker": MARKERS[number % len(MARKERS)]}


def _note_undefined(axes: Any, block: pd.DataFrame) -> None:
    undefined = [name for name in distinct(block["benchmark"]) if _all_undefined(block, name)]
    if undefined:
        names = ", ".join(spell(name) for name in undefined)
        axes.annotate(
            f"undefined on {names}: teacher not clearly above student",
            (1.0, 0.0),
            xycoords="axes fraction",
            xytext=(-3, 3),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=7.5,
            color=GREY,
            bbox={"facecolor": "white", "edgecolor": LIGHT, "linewidth": 0.5, "pad": 2},
        )


def _all_undefined(block: pd.DataFrame, benchmark: str) -> bool:
    return bool(block.loc[block["benchmark"] == benchmark, "gap_closed"].isna().all())


def _handles(benchmarks: list[str]) -> list[Any]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], linewidth=1.6, markersize=4.5, label=spell(name), **_look(number))
        for number, name in enumerate(benchmarks)
    ]
