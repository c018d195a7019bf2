"""Does getting closer in space make the student more like the teacher? Every method and variant in one plot."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from semalign.report.figures.registry import figure
from semalign.report.figures.style import (
    BLACK,
    GREY,
    blank,
    distinct,
    legend,
    look_of,
    message,
    spell,
    styled,
)
from semalign.report.levels import Levels
from semalign.report.reading import levels_of
from semalign.report.relation import by_variant, rank_correlation, trained
from semalign.report.words import STUDENT, signed

DEFAULT = "default"
PANELS = {
    "teacher_kl": "KL from the teacher\n(nats a token; lower is nearer)",
    "teacher_agreement": "top-1 agreement\nwith the teacher (%)",
    "score": "score (%)",
}
UNTOUCHED: dict[str, Any] = {"color": BLACK, "marker": "*", "markersize": 13, "linestyle": "none"}


@figure("geometry", title="Geometry and behaviour", tables=("geometry", "seeds"))
def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `geometry` with `seeds`: a row a pair (and benchmark), a panel a measure of behaviour, a dot a variant.

    To the right: nearer to the paper's target (mean-centred cosine). Filled dots are the methods' defaults,
    open ones their ablations, one look per axis. Dotted lines go through the untouched student. Above each
    panel stands Spearman's rank correlation over all trained variants, with its bootstrap interval.
    """
    table = by_variant(tables["geometry"], tables["seeds"])
    if table.empty:
        return message("How near the states come to the target was not measured.")
    groups = distinct(_groups(trained(table)))
    blocks = [part for _, part in table.groupby(["pair", "benchmark"], sort=False)]
    with styled():
        lines = -(-(len(groups) + 1) // 5)
        figure = blank(9.6, 3.3 * len(blocks) + 0.19 * lines + 0.3)
        parts = figure.subfigures(len(blocks), 1, squeeze=False)[:, 0]
        for part, block in zip(parts, blocks, strict=True):
            heading = ", ".join(spell(block[key].iloc[0]) for key in ("pair", "benchmark") if len(blocks) > 1)
            part.suptitle(heading, fontsize=10, fontweight="bold", x=0.01, ha="left")
            for axes, column in zip(part.subplots(1, 3), PANELS, strict=True):
                _draw_panel(axes, block, column, groups)
                axes.set_title(_correlation(block, column, levels_of(tables)), fontsize=8.5)
        student = Line2D([], [], label="untouched student", **(UNTOUCHED | {"markersize": 9}))
        legend(figure, [student, *(_handle(number, group) for number, group in enumerate(groups))])
    return figure


def _groups(variants: pd.DataFrame) -> list[tuple[str, str]]:
    """(method, ablated axis) of each variant; the axis is empty for the method's default."""
    axes = variants["variant"].where(variants["variant"] != DEFAULT, "").str.partition("~")[0]
    groups = list(zip(variants["method"], axes, strict=True))
    return sorted(groups, key=lambda group: group[1] != "")  # the methods first, then the axes


def _draw_panel(axes: Any, block: pd.DataFrame, column: str, groups: list[tuple[str, str]]) -> None:
    for _, cell in trained(block).iterrows():
        axis = "" if cell["variant"] == DEFAULT else str(cell["variant"]).partition("~")[0]
        number = groups.index((cell["method"], axis))
        axes.plot(cell["cosine_centred"], cell[column], **_look(number, axis))
    student = block[block["method"] == STUDENT]
    for _, cell in student.iterrows():
        axes.plot(cell["cosine_centred"], cell[column], zorder=6, markeredgecolor="white", **UNTOUCHED)
        axes.axvline(cell["cosine_centred"], color=GREY, linestyle=":", linewidth=0.9, zorder=1)
        axes.axhline(cell[column], color=GREY, linestyle=":", linewidth=0.9, zorder=1)
    axes.set(xlabel="cosine to the paper's target (centred)", ylabel=PANELS[column])


def _look(number: int, axis: str) -> dict[str, Any]:
    look = look_of(number)
    if axis:
        return {**look, "markersize": 4.5, "markerfacecolor": "none", "linestyle": "none", "zorder": 3}
    return {
        **look,
        "markersize": 6.5,
        "linestyle": "none",
        "zorder": 5,
        "markeredgecolor": "white",
        "markeredgewidth": 0.5,
    }


def _correlation(block: pd.DataFrame, column: str, levels: Levels) -> str:
    relation = rank_correlation(trained(block), "cosine_centred", column, levels)
    if pd.isna(relation.estimate):
        return f"rank correlation undefined\n({relation.variants} variants)"
    bounds = f"{signed(relation.low, 2)}, {signed(relation.high, 2)}"
    return f"rank correlation {signed(relation.estimate, 2)}\n[{bounds}], {relation.variants} variants"


def _handle(number: int, group: tuple[str, str]) -> Any:
    method, axis = group
    label = f"{spell(method)}: {spell(axis)}" if axis else spell(method)
    return Line2D([], [], label=label, **_look(number, axis))
