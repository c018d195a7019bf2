"""Scores of all methods on all benchmarks, with intervals, between the student and the teacher."""

from collections.abc import Mapping
from math import ceil
from textwrap import fill
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from semalign.report.figures import rows
from semalign.report.figures.registry import figure
from semalign.report.figures.style import PURPLE, blank, distinct, legend, message, spell, styled
from semalign.report.levels import Levels
from semalign.report.names import part_titles
from semalign.report.reading import levels_of
from semalign.report.words import REFERENCES, methods_of

COLUMNS = 5  # maximum number of panels per line
PUBLISHED: dict[str, Any] = {"color": PURPLE, "marker": "D", "markersize": 4.5, "markerfacecolor": "white"}


@figure("scores", title="Scores", tables=("main",))
def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `main`: one panel per benchmark, one row per method, one block per pair.

    A dot is the mean score in percent over seeds with its interval; colour and marker give the paired test
    against the student. Open diamonds are published scores.
    """
    main, levels = tables["main"], levels_of(tables)
    pairs = distinct(main["pair"])
    if not pairs:
        return message("No scores to draw.")
    with styled():
        blocks = [main[main["pair"] == pair] for pair in pairs]
        heights = [_height(block) for block in blocks]
        across = max(_columns(block) for block in blocks)
        figure = blank(max(6.0, 2.0 + 1.76 * across), sum(heights) + 0.55)
        parts = figure.subfigures(len(pairs), 1, squeeze=False, height_ratios=heights)[:, 0]
        seen: set[str] = set()
        for part, pair, block in zip(parts, pairs, blocks, strict=True):
            if len(pairs) > 1:
                part.suptitle(spell(pair), fontsize=10, fontweight="bold", x=0.01, ha="left")
            seen |= _draw_pair(part, block, levels)
        verdicts = rows.verdict_handles(seen, levels)
        legend(figure, [*rows.reference_handles(bands=True), *verdicts, *_published_handle(main)])
    return figure


def _height(block: pd.DataFrame) -> float:
    lines = ceil(block["benchmark"].nunique() / _columns(block))
    return lines * (rows.row_height(methods_of(block), 0.25) + 0.75) + 0.3


def _columns(block: pd.DataFrame) -> int:
    """Number of panels per line, such that all lines have about the same length."""
    panels = int(block["benchmark"].nunique())
    return ceil(panels / ceil(panels / COLUMNS))


def _draw_pair(part: Any, block: pd.DataFrame, levels: Levels) -> set[str]:
    """Draw one pair's panels; returns the verdicts shown."""
    benchmarks, methods = distinct(block["benchmark"]), methods_of(block)
    columns = _columns(block)
    grid = part.subplots(ceil(len(benchmarks) / columns), columns, squeeze=False)
    shorten = part_titles(benchmarks)
    seen: set[str] = set()
    for number, axes in enumerate(grid.flat):
        if number >= len(benchmarks):
            axes.set_axis_off()
            continue
        panel = block[block["benchmark"] == benchmarks[number]]
        seen |= _draw_panel(axes, panel, methods, levels)
        axes.set_title(fill(shorten(benchmarks[number]), 20), fontweight="bold")
        axes.set_xlabel("score (%)")
        axes.tick_params(axis="y", labelleft=number % columns == 0)
    return seen


def _draw_panel(axes: Any, panel: pd.DataFrame, methods: list[str], levels: Levels) -> set[str]:
    cells = {cell["method"]: cell for _, cell in panel.iterrows()}
    for name in REFERENCES:
        if name in cells:
            rows.reference(axes, cells[name], name)
    seen = set()
    for row, method in enumerate(methods):
        if method in cells:
            seen.add(rows.judged_dot(axes, row, cells[method], levels))
            rows.dot(axes, row + 0.3, (cells[method]["paper"],) * 3, **PUBLISHED)
    rows.name_methods(axes, methods)
    written = {methods.index(name): cells[name] for name in methods if name in cells}
    lines = [float(cells[name]["score"]) for name in REFERENCES if name in cells]
    rows.write_scores(axes, written, lines, levels)
    return seen


def _published_handle(main: pd.DataFrame) -> list[Any]:
    papers = main.loc[~main["method"].isin(REFERENCES), "paper"]
    return [] if papers.isna().all() else [Line2D([], [], linestyle="none", label="published", **PUBLISHED)]
