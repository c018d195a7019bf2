"""Layer-by-layer CKA between models before and after a transfer (paper Figures 4 to 6)."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from semalign.analysis.sentences.words import REFERENCES, is_under_study, signed
from semalign.figures.style import blank, distinct, message, styled, whole_ticks, wrap

COMPARISONS = {
    "student-before~student-before": ("student with itself,\nbefore", "student", "student"),
    "student-before~student-after": ("student before\nwith student after", "student after", "student before"),
    "student-after~student-after": ("student with itself,\nafter", "student", "student"),
    "teacher~student-before": ("teacher with student,\nbefore", "student", "teacher"),
    "teacher~student-after": ("teacher with student,\nafter", "student", "teacher"),
}
DIFFERENCE = ("teacher with student,\nafter minus before", "student", "teacher")
BEFORE, AFTER = "teacher~student-before", "teacher~student-after"
MOST_LINES = 6  # beyond these a figure is no longer read, so that only the method under study stays
MOST_LETTERED = 8  # layers up to which each square carries its number


def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `similarity`: a line a pair, benchmark and method, a column a comparison, last the difference.

    Each square is the debiased linear CKA (1 = the same up to rotation and scale) of the hidden states of two
    layers at the same token positions. With more than six lines only the method under study is drawn.
    """
    frame = tables["similarity"]
    if frame.empty:
        return message("No similarity measured.")
    lines = choose_lines(frame)
    columns = [name for name in COMPARISONS if name in set(frame["comparison"])]
    columns += [name for name in distinct(frame["comparison"]) if name not in COMPARISONS]
    panels = [*columns, *(["difference"] if {BEFORE, AFTER} <= set(columns) else [])]
    with styled():
        figure = blank(2.25 * len(panels) + 1.3, 2.1 * len(lines) + 0.75)
        grid = figure.subplots(len(lines), len(panels), squeeze=False)
        maps = {(line, panel): matrix(frame, line, panel) for line in lines for panel in panels}
        limit = max(
            [0.01, *(abs(m).max().max() for (_, p), m in maps.items() if p == "difference" and m.size)]
        )
        for row, line in enumerate(lines):
            for column, panel in enumerate(panels):
                _draw_map(grid[row, column], maps[line, panel], panel, limit)
                grid[row, column].set_title(_names(panel)[0] if row == 0 else "")
                grid[row, column].set_xlabel(_names(panel)[1] if row == len(lines) - 1 else "")
            _name_line(grid[row, 0], lines, line)
        _bar(figure, grid[:, : len(columns)], len(lines), "linear CKA (debiased)")
        _bar(figure, grid[:, len(columns) :], len(lines), "change of CKA")
    return figure


def choose_lines(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """The (pair, benchmark, method) lines to draw; of many, those of the method under study."""
    keys = ["pair", "benchmark", "method"]
    named = frame.dropna(subset=["method"])
    lines = distinct(named[keys].itertuples(index=False, name=None))
    if len(lines) <= MOST_LINES:
        return lines
    methods = distinct(named["method"])
    focus = next((method for method in methods if is_under_study(method)), methods[0])
    return [line for line in lines if line[2] == focus]


def matrix(frame: pd.DataFrame, line: tuple[str, str, str], panel: str) -> pd.DataFrame:
    """CKA as [left layers, right layers]; `difference` is teacher-student after minus before.

    A comparison without the method (what is measured before any transfer has none) serves all methods.
    """
    if panel == "difference":
        return matrix(frame, line, AFTER) - matrix(frame, line, BEFORE)
    pair, benchmark, method = line
    chosen = frame[
        (frame["pair"] == pair) & (frame["benchmark"] == benchmark) & (frame["comparison"] == panel)
    ]
    if (chosen["method"] == method).any():
        chosen = chosen[chosen["method"] == method]
    elif not chosen.empty:
        shared = chosen["method"].isna() | chosen["method"].isin(REFERENCES)
        chosen = chosen[shared if shared.any() else chosen["method"] == chosen["method"].iloc[0]]
    return chosen.pivot_table(index="left_layer", columns="right_layer", values="cka_debiased", sort=True)


def _names(panel: str) -> tuple[str, str, str]:
    """Title, horizontal axis and upright axis of one panel."""
    title, right, left = (
        DIFFERENCE if panel == "difference" else COMPARISONS.get(panel, (panel, "right", "left"))
    )
    return title, f"{right} layer", f"{left} layer"


def _draw_map(axes: Any, values: pd.DataFrame, panel: str, limit: float) -> None:
    axes.grid(visible=False)
    axes.set_box_aspect(1)
    axes.set_ylabel(_names(panel)[2])
    if values.empty:
        axes.set_xticks([])
        axes.set_yticks([])
        return
    look = {"cmap": "PuOr_r", "vmin": -limit, "vmax": limit} if panel == "difference" else {}
    right, left = values.columns.to_numpy(), values.index.to_numpy()
    extent = (right[0] - 0.5, right[-1] + 0.5, left[0] - 0.5, left[-1] + 0.5)
    frame = {"origin": "lower", "extent": extent, "interpolation": "nearest", "aspect": "auto"}
    image = axes.imshow(values, **{"cmap": "viridis", "vmin": 0, "vmax": 1, **frame, **look})
    whole_ticks(axes.xaxis, values.columns)
    whole_ticks(axes.yaxis, values.index)
    if max(values.shape) <= MOST_LETTERED:
        _letter(axes, values, image, change=panel == "difference")


def _letter(axes: Any, values: pd.DataFrame, image: Any, *, change: bool) -> None:
    for left, line in zip(values.index, values.to_numpy(), strict=True):
        for right, value in zip(values.columns, line, strict=True):
            red, green, blue, _ = image.cmap(image.norm(value))
            color = "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else "black"
            text = signed(value, 2) if change else f"{value:.2f}"
            axes.text(right, left, text, ha="center", va="center", fontsize=6.5, color=color)


def _bar(figure: Any, axes: Any, lines: int, label: str) -> None:
    """One colour bar right of these columns, as thick beside many lines as beside one."""
    images = [image for one in axes.flat for image in one.images]
    if images:
        figure.colorbar(images[0], ax=list(axes.flat), label=label, shrink=0.8, aspect=20 * lines, pad=0.02)


def _name_line(axes: Any, lines: list[tuple[str, str, str]], line: tuple[str, str, str]) -> None:
    """Say left of a line what tells it from the others."""
    several = [position for position in range(3) if len({other[position] for other in lines}) > 1] or [2]
    axes.annotate(
        "\n".join(wrap(line[position], 26) for position in several),
        (0, 0.5),
        xycoords=axes.yaxis.label,
        xytext=(-10, 0),
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="center",
        fontweight="bold",
    )
