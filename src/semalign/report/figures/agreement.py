"""How close each method's answers are to the teacher's: KL divergence and top-1 agreement."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import pandas as pd

from semalign.report.figures import rows
from semalign.report.figures.registry import figure
from semalign.report.figures.style import (
    BLUE,
    GREY,
    VERMILLION,
    blank,
    distinct,
    legend,
    message,
    spell,
    styled,
)
from semalign.report.levels import Levels
from semalign.report.names import part_titles
from semalign.report.reading import levels_of
from semalign.report.words import REFERENCES, STUDENT, methods_of, side

DEFAULT = "default"
COLUMNS = 5
MEASURES = {
    "teacher_kl": ("kl_vs_student", "KL from the teacher\n(nats per token)", -1),
    "teacher_agreement": ("agreement_vs_student", "top-1 agreement\nwith the teacher (%)", 1),
}
# Position of the interval of the paired difference from the student; 1 is towards the teacher.
LOOKS: dict[int, tuple[str, str, str]] = {
    1: (BLUE, "^", "nearer the teacher than the student is ({percent} interval)"),
    -1: (VERMILLION, "v", "farther than the student"),
    0: (GREY, "o", "interval of the difference contains zero"),
}


@figure("agreement", title="Agreement with the teacher", tables=("agreement",))
def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `agreement` for the default variants: one block per pair, one row of panels per measure, one column per
    benchmark.

    Dots are means over seeds with their intervals; the dotted line and its band are the untouched student.
    """
    frame = tables["agreement"]
    frame = frame[frame["variant"] == DEFAULT]
    if not methods_of(frame):
        return message("How near the answers come to the teacher's was not measured.")
    blocks = [block for _, part in frame.groupby("pair", sort=False) for block in _lines(part)]
    with styled():
        heights = [2 * (rows.row_height(methods_of(block), 0.24) + 0.75) + 0.4 for block in blocks]
        most = max(block["benchmark"].nunique() for block in blocks)
        figure = blank(2.2 + 1.75 * max(most, 2), sum(heights) + 0.4)
        parts = figure.subfigures(len(blocks), 1, squeeze=False, height_ratios=heights)[:, 0]
        for part, block in zip(parts, blocks, strict=True):
            if frame["pair"].nunique() > 1:
                part.suptitle(spell(block["pair"].iloc[0]), fontsize=10, fontweight="bold", x=0.01, ha="left")
            _draw_block(part, block, most)
        legend(figure, [*rows.reference_handles([STUDENT]), *_handles(levels_of(tables))])
    return figure


def _lines(part: pd.DataFrame) -> list[pd.DataFrame]:
    """Split one pair's benchmarks into lines of about the same length, at most five per line."""
    benchmarks = distinct(part["benchmark"])
    lines = -(-len(benchmarks) // COLUMNS)
    width = -(-len(benchmarks) // lines)
    chunks = (benchmarks[start : start + width] for start in range(0, len(benchmarks), width))
    return [part[part["benchmark"].isin(chunk)] for chunk in chunks]


def _draw_block(part: Any, block: pd.DataFrame, columns: int) -> None:
    benchmarks, methods = distinct(block["benchmark"]), methods_of(block)
    shorten = part_titles(benchmarks)
    grid = part.subplots(len(MEASURES), columns, squeeze=False)
    for axes in grid[:, len(benchmarks) :].flat:
        axes.set_axis_off()
    for row, (measure, (difference, label, towards)) in enumerate(MEASURES.items()):
        for column, benchmark in enumerate(benchmarks):
            axes, cells = grid[row, column], block[block["benchmark"] == benchmark]
            for _, cell in cells.iterrows():
                _draw_cell(axes, cell, measure, methods, towards * side(*_bounds(cell, difference)))
            rows.name_methods(axes, methods)
            axes.tick_params(axis="y", labelleft=column == 0)
            axes.locator_params(axis="x", nbins=5)
            axes.set_xlabel(label)
            if row == 0:
                axes.set_title(fill(shorten(benchmark), 18), fontweight="bold")


def _draw_cell(axes: Any, cell: "pd.Series[Any]", measure: str, methods: list[str], said: int) -> None:
    low, high = _bounds(cell, measure)
    if cell["method"] == STUDENT:
        axes.axvspan(low, high, color=rows.LINES[STUDENT]["color"], alpha=0.08, linewidth=0, zorder=1)
        rows.upright(axes, cell[measure], STUDENT)
    elif cell["method"] not in REFERENCES:
        color, marker, _ = LOOKS[said]
        values = (cell[measure], low, high)
        rows.dot(axes, methods.index(cell["method"]), values, color=color, marker=marker)


def _bounds(cell: "pd.Series[Any]", name: str) -> tuple[float, float]:
    return float(cell[f"{name}_low"]), float(cell[f"{name}_high"])


def _handles(levels: Levels) -> list[Any]:
    return [
        rows.handle(color, marker, label.format(percent=levels.percent))
        for color, marker, label in LOOKS.values()
    ]
