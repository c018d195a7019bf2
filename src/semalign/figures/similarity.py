"""Layer-by-layer CKA between models before and after a transfer (paper Figures 4 to 6)."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from semalign.figures import rows
from semalign.figures.style import blank, distinct, message, spell, styled

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

    Each square is the debiased linear CKA (1 = the same up to rotation and scale) of two layers' hidden states at
    the same token positions. With more than six lines only the method under study is drawn.
    """
    frame = tables["similarity"]
    if frame.empty:
        return message("No similarity measured.")
    lines = choose_lines(frame)
    columns = [name for name in COMPARISONS if name in set(frame["comparison"])]
    columns += [name for name in distinct(frame["comparison"]) if name not in COMPARISONS]
    panels = [*columns, *(["difference"] if {BEFORE, AFTER} <= set(columns) else [])]
    with styled():
        figure = blank(2.25 * len(panels) + 1.3, 2.3 * len(lines) + 0.75)
        grid = figure.subplots(len(lines), len(panels), squeeze=False)
        maps = {(line, panel): matrix(frame, line, panel) for line in lines for panel in panels}
        limit = max([0.01, *(abs(m).max().max() for (_, p), m in maps.items() if p == "difference" and m.size)])
        for row, line in enumerate(lines):
            for column, panel in enumerate(panels):
                image = _draw_map(grid[row, column], maps[line, panel], panel, limit)
                if row == len(lines) - 1 and panel in (columns[-1], "difference"):
                    _bar(figure, image, grid[:, column] if panel == "difference" else grid[:, : len(columns)], panel)
            _name_line(grid[row], frame, lines, line)
    return figure


def choose_lines(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """The (pair, benchmark, method) lines to draw: all, or those of the method under study where they are many."""
    keys = ["pair", "benchmark", "method"]
    named = frame.dropna(subset=["method"])
    lines = distinct(named[keys].itertuples(index=False, name=None))
    if len(lines) <= MOST_LINES:
        return lines
    methods = distinct(named["method"])
    focus = next((method for method in methods if rows.is_focus(method)), methods[0])
    return [line for line in lines if line[2] == focus]


def matrix(frame: pd.DataFrame, line: tuple[str, str, str], panel: str) -> pd.DataFrame:
    """CKA as [left layers, right layers]; `difference` is teacher-student after minus before.

    A comparison without the method (what is measured before any transfer has none) serves all methods.
    """
    if panel == "difference":
        return matrix(frame, line, AFTER) - matrix(frame, line, BEFORE)
    pair, benchmark, method = line
    chosen = frame[(frame["pair"] == pair) & (frame["benchmark"] == benchmark) & (frame["comparison"] == panel)]
    if (chosen["method"] == method).any():
        chosen = chosen[chosen["method"] == method]
    elif not chosen.empty:
        shared = chosen["method"].isna() | chosen["method"].isin(rows.REFERENCES)
        chosen = chosen[shared if shared.any() else chosen["method"] == chosen["method"].iloc[0]]
    return chosen.pivot_table(index="left_layer", columns="right_layer", values="cka_debiased", sort=True)


def _draw_map(axes: Any, values: pd.DataFrame, panel: str, limit: float) -> Any:
    title, right, left = DIFFERENCE if panel == "difference" else COMPARISONS.get(panel, (panel, "right", "left"))
    axes.grid(visible=False)
    axes.set_title(title)
    if values.empty:
        axes.set_axis_off()
        return None
    look = {"cmap": "PuOr_r", "vmin": -limit, "vmax": limit} if panel == "difference" else {"vmin": 0, "vmax": 1}
    extent = (values.columns[0] - 0.5, values.columns[-1] + 0.5, values.index[0] - 0.5, values.index[-1] + 0.5)
    image = axes.imshow(values, origin="lower", extent=extent, interpolation="nearest", **{"cmap": "cividis", **look})
    axes.set_xlabel(f"{right} layer")
    axes.set_ylabel(f"{left} layer")
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_major_locator().set_params(integer=True, nbins=6)
    if max(values.shape) <= MOST_LETTERED:
        _letter(axes, values, image, signed=panel == "difference")
    return image


def _letter(axes: Any, values: pd.DataFrame, image: Any, *, signed: bool) -> None:
    for left, line in values.iterrows():
        for right, value in line.items():
            red, green, blue, _ = image.cmap(image.norm(value))
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            text = f"{value:+.2f}".replace("-", "−") if signed else f"{value:.2f}"
            axes.text(right, left, text, ha="center", va="center", fontsize=6.5, color="white" if dark else "black")


def _bar(figure: Any, image: Any, axes: Any, panel: str) -> None:
    if image is not None:
        label = "change of CKA" if panel == "difference" else "linear CKA (debiased)"
        figure.colorbar(image, ax=list(axes.flat), label=label, shrink=0.8, aspect=25, pad=0.02)


def _name_line(line_axes: Any, frame: pd.DataFrame, lines: list[tuple[str, str, str]], line: tuple[str, str, str]) -> None:
    """Name what tells this line from the others, left of it."""
    several = [position for position in range(3) if len({other[position] for other in lines}) > 1]
    names = [spell(line[position]) for position in several] or [spell(line[2])]
    line_axes[0].annotate(
        "\n".join(names),
        (0, 0.5),
        xycoords=line_axes[0].yaxis.label,
        xytext=(-10, 0),
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="center",
        fontweight="bold",
    )
