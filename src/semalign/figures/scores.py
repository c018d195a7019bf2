"""Scores of all methods on all benchmarks, with intervals, between the student and the teacher."""

from collections.abc import Mapping
from math import ceil
from typing import Any

import pandas as pd

from semalign.figures import rows
from semalign.figures.style import PURPLE, blank, distinct, message, name_rows, spell, styled, wrap

COLUMNS = 4


def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `main`: a panel a benchmark, a row a method, a block a pair.

    A dot is the mean score in percent over seeds with its interval; colour and marker give the paired test against
    the student. The published figure stands as an open diamond where there is one.
    """
    main = tables["main"]
    pairs = distinct(main["pair"])
    if not pairs:
        return message("No scores to draw.")
    with styled():
        blocks = [main[main["pair"] == pair] for pair in pairs]
        heights = [_height(block) for block in blocks]
        figure = blank(9.0, sum(heights) + 0.55)
        parts = figure.subfigures(len(pairs), 1, squeeze=False, height_ratios=heights)[:, 0]
        seen: set[str] = set()
        for part, pair, block in zip(parts, pairs, blocks, strict=True):
            if len(pairs) > 1:
                part.suptitle(spell(pair), fontsize=10, fontweight="bold", x=0.01, ha="left")
            seen |= _draw_pair(part, block)
        handles = [*rows.reference_handles(), *rows.verdict_handles(seen), *_paper_handle(main)]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 5))
    return figure


def _height(block: pd.DataFrame) -> float:
    lines = ceil(block["benchmark"].nunique() / COLUMNS)
    return lines * (rows.row_height(_methods(block)) + 0.75) + 0.3


def _methods(block: pd.DataFrame) -> list[str]:
    return [method for method in distinct(block["method"]) if method not in rows.REFERENCES]


def _draw_pair(part: Any, block: pd.DataFrame) -> set[str]:
    """Draw one pair's panels; returns the verdicts shown."""
    benchmarks, methods = distinct(block["benchmark"]), _methods(block)
    columns = min(COLUMNS, len(benchmarks))
    grid = part.subplots(ceil(len(benchmarks) / columns), columns, squeeze=False)
    seen: set[str] = set()
    for number, axes in enumerate(grid.flat):
        if number >= len(benchmarks):
            axes.set_axis_off()
            continue
        seen |= _draw_panel(axes, block[block["benchmark"] == benchmarks[number]], methods)
        axes.set_title(spell(benchmarks[number]), fontweight="bold")
        axes.set_xlabel("score (%)")
        if number % columns:
            axes.tick_params(axis="y", labelleft=False)
    return seen


def _draw_panel(axes: Any, panel: pd.DataFrame, methods: list[str]) -> set[str]:
    cells = {cell["method"]: cell for _, cell in panel.iterrows()}
    for name in rows.REFERENCES:
        if name in cells:
            rows.reference(axes, cells[name], name)
    seen = set()
    for row, method in enumerate(methods):
        if method in cells:
            seen.add(rows.judged_dot(axes, row, cells[method]))
            rows.dot(axes, row + 0.22, (cells[method]["paper"],) * 3, **PAPER)
    strong = [row for row, method in enumerate(methods) if rows.is_focus(method)]
    name_rows(axes, [wrap(method, rows.LABEL_WIDTH) for method in methods], strong)
    return seen


PAPER = {"color": PURPLE, "marker": "D", "markersize": 4.5, "markerfacecolor": "white"}


def _paper_handle(main: pd.DataFrame) -> list[Any]:
    from matplotlib.lines import Line2D

    if main["paper"].isna().all():
        return []
    return [Line2D([], [], linestyle="none", label="published", **PAPER)]
