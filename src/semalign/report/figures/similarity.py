"""Layer-by-layer CKA between models before and after training (paper Figures 4 to 6)."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from semalign.report.figures.registry import figure
from semalign.report.figures.style import blank, distinct, message, spell, styled, whole_ticks
from semalign.report.words import REFERENCES, is_under_study, signed

COMPARISONS = {
    "student-before~student-before": ("student with itself,\nbefore", "student", "student"),
    "student-before~student-after": ("student before\nwith student after", "student after", "student before"),
    "student-after~student-after": ("student with itself,\nafter", "student", "student"),
    "teacher~student-before": ("teacher with student,\nbefore", "student", "teacher"),
    "teacher~student-after": ("teacher with student,\nafter", "student", "teacher"),
    "difference": ("teacher with student,\nafter minus before", "student", "teacher"),
}
BEFORE, AFTER, LAST = "teacher~student-before", "teacher~student-after", "difference"
MOST_LINES = 4  # with more blocks, only those of the method under study are drawn
MOST_LETTERED = 5  # with at most this many layers, each square has its number
MOST_PRECISE = 3  # with at most this many columns, a third digit fits
FAINT = 0.05  # changes below this need a third digit
MEASURES = {"cka_debiased": "debiased", "cka": "plain"}
Panel = tuple[str, str]  # a comparison, and the measure that is shown for it


@figure("similarity", title="Similarity", tables=("similarity",))
def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `similarity`: one block per pair, benchmark and method, one panel per comparison.

    Each square is the linear CKA (1 = the same up to rotation and scale) of the hidden states of two layers at
    the same token positions. The student's layers among themselves come first (debiased CKA), then teacher
    with student before, after and their difference, by the debiased and by the plain measure; the plain one
    is biased upwards if there are few positions. If there are many blocks, only those of the method under study are
    drawn.
    """
    frame = tables["similarity"]
    if frame.empty:
        return message("No similarity measured.")
    lines, rows = choose_lines(frame), choose_panels(frame)
    columns = max(map(len, rows))
    maps = {(line, panel): matrix(frame, line, *panel) for line in lines for row in rows for panel in row}
    changes = [float(m.abs().max().max()) for (_, (name, _)), m in maps.items() if name == LAST and m.size]
    limit = max([0.01, *changes])
    with styled():
        heights = [2.45 * len(rows) + 0.3] * len(lines) + [0.62]
        figure = blank(max(2.3 * columns + 0.3, 5.0), sum(heights))
        parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
        for part, line in zip(parts, lines, strict=False):
            part.suptitle(_name(lines, line), fontsize=10, fontweight="bold", x=0.01, ha="left")
            grid = part.subplots(len(rows), columns, squeeze=False)
            for axes in grid.flat:
                axes.set_axis_off()
            for number, row in enumerate(rows):
                for axes, panel in zip(grid[number], row, strict=False):
                    axes.set_axis_on()
                    _draw_map(axes, maps[line, panel], panel, limit)
        _bars(parts[-1], limit if changes else None)
    return figure


def choose_panels(frame: pd.DataFrame) -> list[list[Panel]]:
    """Rows of panels: the student with itself, the teacher with the student by each measure, and the difference."""
    comparisons = set(frame["comparison"])
    known = [name for name in COMPARISONS if name in comparisons and not name.startswith("teacher")]
    own = known + [name for name in distinct(frame["comparison"]) if name not in COMPARISONS]
    across = [name for name in (BEFORE, AFTER) if name in comparisons]
    across += [LAST] if len(across) == 2 else []
    measures = [name for name in MEASURES if name in frame and frame[name].notna().any()]
    rows = [
        [(name, "cka_debiased") for name in own],
        *([(name, kind) for name in across] for kind in measures),
    ]
    return [row for row in rows if row]


def choose_lines(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """The (pair, benchmark, method) lines to draw; if there are many, only those of the method under study."""
    keys = ["pair", "benchmark", "method"]
    named = frame.dropna(subset=["method"])
    lines = distinct(named[keys].itertuples(index=False, name=None))
    if len(lines) <= MOST_LINES:
        return lines
    methods = distinct(named["method"])
    focus = next((method for method in methods if is_under_study(method)), methods[0])
    return [line for line in lines if line[2] == focus]


def matrix(
    frame: pd.DataFrame, line: tuple[str, str, str], panel: str, measure: str = "cka_debiased"
) -> pd.DataFrame:
    """CKA as [left layers, right layers]; `difference` is teacher-student after minus before.

    A comparison without a method (measured before training) is used for all methods.
    """
    if panel == LAST:
        return matrix(frame, line, AFTER, measure) - matrix(frame, line, BEFORE, measure)
    pair, benchmark, method = line
    rows = frame[(frame["pair"] == pair) & (frame["benchmark"] == benchmark) & (frame["comparison"] == panel)]
    if (rows["method"] == method).any():
        rows = rows[rows["method"] == method]
    elif not rows.empty:
        shared = rows["method"].isna() | rows["method"].isin(REFERENCES)
        rows = rows[shared if shared.any() else rows["method"] == rows["method"].iloc[0]]
    return rows.pivot_table(index="left_layer", columns="right_layer", values=measure, sort=True)


def _draw_map(axes: Any, values: pd.DataFrame, drawn: Panel, limit: float) -> None:
    panel, measure = drawn
    title, right_name, left_name = COMPARISONS.get(panel, (panel, "right", "left"))
    title += f" ({MEASURES[measure]})" if panel in (BEFORE, AFTER, LAST) else ""
    axes.set(title=title, xlabel=f"{right_name} layer", ylabel=f"{left_name} layer")
    axes.grid(visible=False)
    axes.set_box_aspect(1)
    if values.empty:
        axes.set(xticks=[], yticks=[])
        return
    right, left = values.columns.to_numpy(), values.index.to_numpy()
    extent = (right[0] - 0.5, right[-1] + 0.5, left[0] - 0.5, left[-1] + 0.5)
    colors = _colors(limit if panel == LAST else None)
    image = axes.imshow(
        values, origin="lower", extent=extent, interpolation="nearest", aspect="auto", **colors
    )
    whole_ticks(axes.xaxis, right)
    whole_ticks(axes.yaxis, left)
    if max(values.shape) <= MOST_LETTERED:
        _letter(axes, values, image, change=panel == LAST)


def _colors(limit: float | None) -> dict[str, Any]:
    """Colours for a CKA, or, with a limit, for a change around zero."""
    if limit is None:
        return {"cmap": "viridis", "norm": Normalize(0, 1)}
    return {"cmap": "PuOr_r", "norm": Normalize(-limit, limit)}


def _letter(axes: Any, values: pd.DataFrame, image: Any, *, change: bool) -> None:
    digits = 3 if change and image.norm.vmax < FAINT and values.shape[1] <= MOST_PRECISE else 2
    for left, line in zip(values.index, values.to_numpy(), strict=True):
        for right, value in zip(values.columns, line, strict=True):
            red, green, blue, _ = image.cmap(image.norm(value))
            color = "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else "black"
            text = signed(value, digits) if change else f"{value:.2f}"
            axes.text(right, left, text, ha="center", va="center", fontsize=8, color=color)


def _bars(part: Any, limit: float | None) -> None:
    """The two colour scales below all blocks."""
    scales = [("linear CKA", None), *([("change of CKA", limit)] if limit is not None else [])]
    for axes, (label, bound) in zip(part.subplots(1, 2)[: len(scales)], scales, strict=True):
        axes.set_label("<colorbar>")
        part.colorbar(ScalarMappable(**_colors(bound)), cax=axes, orientation="horizontal", label=label)
        axes.locator_params(axis="x", nbins=5)
    for axes in part.axes[len(scales) :]:
        axes.set_axis_off()


def _name(lines: list[tuple[str, str, str]], line: tuple[str, str, str]) -> str:
    """The method, preceded by the benchmark and the pair if there are several."""
    several = [position for position in (0, 1) if len({other[position] for other in lines}) > 1]
    return ", ".join(spell(line[position]) for position in (*several, 2))
