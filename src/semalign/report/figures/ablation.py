"""Scores of the variants around each default, one axis at a time."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from semalign.report.figures import rows
from semalign.report.figures.registry import figure
from semalign.report.figures.style import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    VERMILLION,
    blank,
    distinct,
    legend,
    message,
    name_rows,
    spell,
    styled,
    wrap,
)
from semalign.report.levels import Levels
from semalign.report.reading import levels_of
from semalign.report.words import STUDENT, verdict

DEFAULT = "default"
TALLEST = 7.0  # inches above which a block's axes are split into several columns
WIDEST = 10.8  # maximum width of all columns together, in inches
TITLE = 0.85  # inches above and below the panels of a block
DEFAULT_LOOK: dict[str, Any] = {"color": BLACK, "marker": "D", "markersize": 5}
# Results of the paired test against the default; colour and marker show the same.
LOOKS: dict[str, tuple[str, str, str]] = {
    "higher": (BLUE, "^", "above the default (p < {alpha:g})"),
    "lower": (VERMILLION, "v", "below the default (p < {alpha:g})"),
    "undecided": (GREY, "o", "not significant"),
    "untested": (ORANGE, "o", "variant, not tested"),
}
Panel = tuple[str, pd.DataFrame]


@figure("ablation", title="Ablations", tables=("ablations",))
def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `ablations`: one block per pair and method, one group of rows per axis, one column per benchmark.

    The diamond in each panel is the default, the band its interval; the dotted line is the student's score. The axes
    of a tall block with few benchmarks are split into several columns.
    """
    frame = tables["ablations"]
    if frame.empty:
        return message("No ablations in this study.")
    levels = levels_of(tables)
    frame = frame.assign(verdict=[judge(cell, levels) for _, cell in frame.iterrows()])
    slots = max(1, int(WIDEST // _width(frame)))
    blocks = [_columns(part, slots) for _, part in frame.groupby(["pair", "method"], sort=False)]
    slots = (
        max(map(len, blocks)) if len(blocks) == 1 or max(map(len, blocks)) > 1 else min(slots, len(blocks))
    )
    lines = _lines(blocks, slots)
    with styled():
        heights = [max(_height(column) for block in line for column in block) + TITLE for line in lines]
        figure = blank(max(5.7, min(slots * _width(frame), WIDEST)), sum(heights) + 0.4)
        parts = figure.subfigures(len(lines), 1, squeeze=False, height_ratios=heights)[:, 0]
        for part, line, height in zip(parts, lines, heights, strict=True):
            cells = iter(part.subfigures(1, slots, squeeze=False)[0])
            for block in line:
                limits = _all_limits(block)
                for number, column in enumerate(block):
                    cell = next(cells)
                    if heading := _heading(frame, column[0][1]):
                        text = heading if number == 0 else " "  # all columns begin at the same height
                        cell.suptitle(text, fontsize=10, fontweight="bold", x=0.01, ha="left")
                    _draw_column(_upper(cell, height - TITLE - _height(column), height), column, limits)
        legend(figure, _handles(frame, levels))
    return figure


def _columns(block: pd.DataFrame, slots: int) -> list[list[Panel]]:
    """Split the axes of one method into at most `slots` columns of about the same height, in the table's order."""
    axes = [(str(axis), part) for axis, part in block.groupby("axis", sort=False)]
    number = min(slots, 1 + int(_height(axes) // TALLEST), len(axes))
    goal, columns = _height(axes) / number, [[axes[0]]]
    for panel in axes[1:]:
        full = _height(columns[-1]) + _height([panel]) / 2 > goal
        if full and len(columns) < number:
            columns.append([])
        columns[-1].append(panel)
    return columns


def _lines(blocks: list[list[list[Panel]]], slots: int) -> list[list[list[list[Panel]]]]:
    """Group the blocks into lines; each line takes at most `slots` columns."""
    lines: list[list[list[list[Panel]]]] = [[]]
    for block in blocks:
        if sum(map(len, lines[-1])) + len(block) > slots and lines[-1]:
            lines.append([])
        lines[-1].append(block)
    return lines


def _height(axes: list[Panel]) -> float:
    return sum(rows.row_height(distinct(part["value"]), 0.23) + 0.2 for _, part in axes)


def _width(frame: pd.DataFrame) -> float:
    return float(2.3 + 1.75 * frame["benchmark"].nunique())


def _upper(cell: Any, spare: float, height: float) -> Any:
    """The upper part of a column that is shorter than its neighbours, so that all rows are equally high."""
    return cell.subfigures(2, 1, height_ratios=[height - spare, spare])[0] if spare > 0.3 else cell


def _heading(frame: pd.DataFrame, panel: pd.DataFrame) -> str:
    names = [spell(panel[key].iloc[0]) for key in ("pair", "method") if frame[key].nunique() > 1]
    return ", ".join(names)


def _all_limits(block: list[list[Panel]]) -> dict[str, tuple[float, float]]:
    whole = pd.concat([panel for column in block for _, panel in column])
    return {str(name): _limits(cells) for name, cells in whole.groupby("benchmark", sort=False)}


def _limits(cells: pd.DataFrame) -> tuple[float, float]:
    """The range that all panels of one benchmark share."""
    student = cells["score"] - cells["vs_student"]
    low = min(cells["score_low"].min(), cells["score"].min(), student.min())
    high = max(cells["score_high"].max(), cells["score"].max(), student.max())
    space = 0.04 * (high - low) or 1.0
    return low - space, high + space


def _draw_column(part: Any, column: list[Panel], limits: Mapping[str, tuple[float, float]]) -> None:
    benchmarks = list(limits)
    heights = [_height([panel]) for panel in column]
    grid = part.subplots(len(column), len(benchmarks), squeeze=False, sharex="col", height_ratios=heights)
    for row, (axis, cells) in enumerate(column):
        labels = distinct(cells["value"])
        for place, benchmark in enumerate(benchmarks):
            axes = grid[row, place]
            _draw_panel(axes, cells[cells["benchmark"] == benchmark], labels)
            axes.set_xlim(limits[benchmark])
            axes.tick_params(axis="y", labelleft=place == 0)
            axes.tick_params(axis="x", length=3 if row == len(column) - 1 else 0)
        name = wrap(axis, 16) if len(axis) <= 16 else wrap(axis.replace(".", ". "), 16)
        grid[row, 0].set_ylabel(name, rotation=0, ha="right", va="center", fontweight="bold")
    part.align_ylabels(grid[:, 0])
    for place, benchmark in enumerate(benchmarks):
        grid[0, place].set_title(wrap(benchmark, 20), fontweight="bold")
        grid[-1, place].set_xlabel("score (%)")


def _draw_panel(axes: Any, panel: pd.DataFrame, labels: list[str]) -> None:
    default = panel[panel["variant"] == DEFAULT]
    if not default.empty:
        cell = default.iloc[0]
        axes.axvspan(cell["score_low"], cell["score_high"], color=BLACK, alpha=0.07, linewidth=0, zorder=1)
        axes.axvline(cell["score"], color=BLACK, linewidth=0.7, zorder=2)
        rows.upright(axes, cell["score"] - cell["vs_student"], STUDENT)
    for _, cell in panel.iterrows():
        values = (cell["score"], cell["score_low"], cell["score_high"])
        rows.dot(axes, labels.index(cell["value"]), values, **_look(cell))
    strong = [labels.index(value) for value in default["value"] if value in labels]
    name_rows(axes, [wrap(label, rows.LABEL_WIDTH) for label in labels], strong)


def judge(cell: "pd.Series[Any]", levels: Levels) -> str:
    """The verdict of a variant's test against the default; `untested` in older tables, which lack that test."""
    nothing = float("nan")
    return verdict(cell.get("vs_default", nothing), cell.get("vs_default_p", nothing), levels)


def _look(cell: "pd.Series[Any]") -> dict[str, Any]:
    if cell["variant"] == DEFAULT:
        return DEFAULT_LOOK
    color, marker, _ = LOOKS[cell["verdict"]]
    return {"color": color, "marker": marker, "markersize": 5}


def _handles(frame: pd.DataFrame, levels: Levels) -> list[Any]:
    seen = set(frame.loc[frame["variant"] != DEFAULT, "verdict"])
    looks = [look for name, look in LOOKS.items() if name in seen]
    return [
        Line2D([], [], linewidth=1.6, label="default", **DEFAULT_LOOK),
        *(
            rows.handle(color, marker, label.format(alpha=levels.alpha), size=5)
            for color, marker, label in looks
        ),
        Patch(color=BLACK, alpha=0.1, linewidth=0, label="default's interval"),
        *rows.reference_handles([STUDENT]),
    ]
