"""Training losses, term by term, over the optimiser's steps."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from semalign.report.figures.registry import figure
from semalign.report.figures.style import blank, distinct, legend, look_of, message, spell, styled, wrap

DEFAULT = "default"
MOST_POINTS = 60  # longer runs are shown as means over windows of steps
ACROSS = 4  # panels per row if there is only one benchmark
LEAST = 1e-5  # of the largest loss; what is smaller leaves a logarithmic axis
APART = 30.0  # terms that differ by more than this factor need a logarithmic axis


@figure("curves", title="Training curves", tables=("curves",))
def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `curves` for the default variants: one panel per method and benchmark, one colour per term.

    Lines are means over seeds; bands reach from the lowest to the highest seed.
    """
    frame = tables["curves"]
    frame = frame[frame["variant"] == DEFAULT]
    if frame.empty:
        return message("No training with recorded losses in this study.")
    lines = distinct(frame[["pair", "method"]].itertuples(index=False, name=None))
    benchmarks, terms = distinct(frame["benchmark"]), distinct(frame["term"])
    with styled():
        figure = (
            _wrapped(frame, lines, terms)
            if len(benchmarks) == 1
            else _crossed(frame, lines, benchmarks, terms)
        )
        title = "training loss (entropies and divergences in nats, the rest without unit)"
        figure.suptitle(f"{benchmarks[0]}: {title}" if len(benchmarks) == 1 else title, fontsize=9)
        legend(figure, [_handle(number, term) for number, term in enumerate(terms)], most=6)
    return figure


def _crossed(frame: pd.DataFrame, lines: list[Any], benchmarks: list[str], terms: list[str]) -> Any:
    """One row per method, one column per benchmark."""
    figure = blank(min(10.8, 1.7 + 1.75 * len(benchmarks)), 1.05 * len(lines) + 1.0)
    grid = figure.subplots(len(lines), len(benchmarks), squeeze=False, sharex="col", sharey="row")
    for row, line in enumerate(lines):
        cells = _cells(frame, line)
        drawn = [benchmark in set(cells["benchmark"]) for benchmark in benchmarks]
        for column, benchmark in enumerate(benchmarks):
            _draw_panel(grid[row, column], cells[cells["benchmark"] == benchmark], terms)
            if not drawn[column]:
                _leave_blank(grid[row, column], keep_steps=row == len(lines) - 1)
        grid[row, drawn.index(True)].tick_params(labelleft=True)
        _scale(grid[row, 0], cells)
        grid[row, 0].set_ylabel(_name(frame, line), rotation=0, ha="right", va="center", labelpad=8)
    for column, benchmark in enumerate(benchmarks):
        grid[0, column].set_title(wrap(benchmark, 18), fontweight="bold")
        grid[-1, column].set_xlabel("step of the optimiser")
    figure.align_ylabels(grid[:, 0])
    return figure


def _wrapped(frame: pd.DataFrame, lines: list[Any], terms: list[str]) -> Any:
    """One benchmark: methods fill rows of `ACROSS` panels."""
    rows = -(-len(lines) // ACROSS)
    figure = blank(2.3 * min(ACROSS, max(len(lines), 2)), 1.45 * rows + 1.0)
    panels = list(figure.subplots(rows, min(ACROSS, len(lines)), squeeze=False, sharex=True).flat)
    for axes, line in zip(panels, lines, strict=False):
        cells = _cells(frame, line)
        _draw_panel(axes, cells, terms)
        _scale(axes, cells)
        axes.set_title(_name(frame, line), fontsize=8)
    for spare in panels[len(lines) :]:
        spare.remove()
    for axes in panels[max(0, len(lines) - ACROSS) : len(lines)]:
        axes.set_xlabel("step of the optimiser")
        axes.tick_params(labelbottom=True)
    return figure


def _cells(frame: pd.DataFrame, line: tuple[str, str]) -> pd.DataFrame:
    return frame[(frame["pair"] == line[0]) & (frame["method"] == line[1])]


def _name(frame: pd.DataFrame, line: tuple[str, str]) -> str:
    several = frame["pair"].nunique() > 1
    return wrap(line[1], 18) + (f"\n({spell(line[0])})" if several else "")


def _scale(axes: Any, cells: pd.DataFrame) -> None:
    if _apart(cells):
        axes.set_yscale("log")
        axes.set_ylim(bottom=max(cells["loss"].min(), LEAST * cells["loss"].max()))


def over_seeds(cells: pd.DataFrame) -> pd.DataFrame:
    """One term's mean, lowest and highest seed by step; long runs in windows of equal numbers of steps.

    A window's step is its middle. Columns: `step`, `mean`, `min`, `max`.
    """
    last = int(cells["step"].max())
    window = max(1, -(-last // MOST_POINTS))
    middle = (cells["step"] - 1) // window * window + (window + 1) / 2
    runs = cells.assign(step=np.minimum(middle, last)).groupby(["step", "seed"])["loss"].mean()
    return runs.groupby("step").agg(["mean", "min", "max"]).reset_index()


def _apart(cells: pd.DataFrame) -> bool:
    means = cells.groupby(["benchmark", "term"])["loss"].mean()
    return bool((cells["loss"] > 0).all() and means.max() > APART * means.min())


def _draw_panel(axes: Any, cells: pd.DataFrame, terms: list[str]) -> None:
    for term, rows in cells.groupby("term", sort=False):
        line, look = over_seeds(rows), look_of(terms.index(str(term)))
        axes.fill_between(line["step"], line["min"], line["max"], color=look["color"], alpha=0.2, linewidth=0)
        axes.plot(
            line["step"], line["mean"], linewidth=1.3, markersize=3, markevery=max(1, len(line) // 5), **look
        )
    axes.tick_params(axis="y", labelsize=7)


def _leave_blank(axes: Any, keep_steps: bool) -> None:
    """Clear the panel of a benchmark that a method is not trained on; `keep_steps` keeps the axis of the column."""
    axes.grid(False)
    axes.spines[["left", "bottom"] if not keep_steps else ["left"]].set_visible(False)
    axes.tick_params(left=False, labelleft=False, bottom=keep_steps)


def _handle(number: int, term: str) -> Any:
    return Line2D([], [], linewidth=1.3, markersize=4, label=spell(term), **look_of(number))
