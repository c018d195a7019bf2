"""What each choice of the method is worth: variants around the default, one axis at a time."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from semalign.analysis.sentences.words import STUDENT
from semalign.figures import rows
from semalign.figures.style import (
    BLUE,
    ORANGE,
    blank,
    distinct,
    legend,
    message,
    name_rows,
    spell,
    styled,
    wrap,
)

DEFAULT = "default"
LOOKS: dict[bool, dict[str, Any]] = {
    True: {"color": BLUE, "marker": "D", "markersize": 5.5},
    False: {"color": ORANGE, "marker": "o", "markersize": 5},
}


def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `ablations`: a block a pair and method, a column a benchmark, a row of panels an axis.

    The default is the diamond in each panel, its interval the band behind the others; the dotted line is the
    student's score.
    """
    frame = tables["ablations"]
    if frame.empty:
        return message("No ablations in this study.")
    blocks = [part for _, part in frame.groupby(["pair", "method"], sort=False)]
    with styled():
        heights = [sum(_heights(block)) + 0.75 for block in blocks]
        columns = max(block["benchmark"].nunique() for block in blocks)
        figure = blank(min(2.2 + 1.75 * max(columns, 2), 11.0), sum(heights) + 0.4)
        parts = figure.subfigures(len(blocks), 1, squeeze=False, height_ratios=heights)[:, 0]
        for part, block in zip(parts, blocks, strict=True):
            _draw_block(part, block, _heading(frame, block))
        legend(figure, _handles())
    return figure


def _heights(block: pd.DataFrame) -> list[float]:
    return [
        rows.row_height(distinct(part["value"]), 0.23) + 0.2 for _, part in block.groupby("axis", sort=False)
    ]


def _heading(frame: pd.DataFrame, block: pd.DataFrame) -> str:
    names = [spell(block[key].iloc[0]) for key in ("pair", "method") if frame[key].nunique() > 1]
    return ", ".join(names)


def _draw_block(part: Any, block: pd.DataFrame, heading: str) -> None:
    axes_names, benchmarks = distinct(block["axis"]), distinct(block["benchmark"])
    grid = part.subplots(
        len(axes_names), len(benchmarks), squeeze=False, sharex="col", height_ratios=_heights(block)
    )
    if heading:
        part.suptitle(heading, fontsize=10, fontweight="bold", x=0.01, ha="left")
    for row, axis in enumerate(axes_names):
        labels = distinct(block.loc[block["axis"] == axis, "value"])
        for column, benchmark in enumerate(benchmarks):
            panel = block[(block["axis"] == axis) & (block["benchmark"] == benchmark)]
            _draw_panel(grid[row, column], panel, labels)
            grid[row, column].tick_params(axis="y", labelleft=column == 0)
            grid[row, column].tick_params(axis="x", length=3 if row == len(axes_names) - 1 else 0)
        name = wrap(axis, 16) if len(axis) <= 16 else wrap(axis.replace(".", ". "), 16)
        grid[row, 0].set_ylabel(name, rotation=0, ha="right", va="center", fontweight="bold")
    part.align_ylabels(grid[:, 0])
    for column, benchmark in enumerate(benchmarks):
        grid[0, column].set_title(spell(benchmark), fontweight="bold")
        grid[-1, column].set_xlabel("score (%)")


def _draw_panel(axes: Any, panel: pd.DataFrame, labels: list[str]) -> None:
    default = panel[panel["variant"] == DEFAULT]
    if not default.empty:
        cell = default.iloc[0]
        axes.axvspan(cell["score_low"], cell["score_high"], color=BLUE, alpha=0.10, linewidth=0, zorder=1)
        axes.axvline(cell["score"], color=BLUE, linewidth=0.8, zorder=2)
        rows.upright(axes, cell["score"] - cell["vs_student"], STUDENT)
    for _, cell in panel.iterrows():
        look = LOOKS[cell["variant"] == DEFAULT]
        rows.dot(
            axes, labels.index(cell["value"]), (cell["score"], cell["score_low"], cell["score_high"]), **look
        )
    strong = [labels.index(value) for value in default["value"] if value in labels]
    name_rows(axes, [wrap(label, rows.LABEL_WIDTH) for label in labels], strong)


def _handles() -> list[Any]:
    return [
        Line2D([], [], linewidth=1.6, label="default", **LOOKS[True]),
        Line2D([], [], linewidth=1.6, label="variant", **LOOKS[False]),
        Patch(color=BLUE, alpha=0.15, linewidth=0, label="default's interval"),
        *rows.reference_handles([STUDENT]),
    ]
