"""Does getting closer in space make the student more like the teacher? Every method and variant in one plot."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from semalign.report.figures.families import dot_look, families_of, family_handles
from semalign.report.figures.registry import figure
from semalign.report.figures.style import (
    BLACK,
    GREY,
    blank,
    distinct,
    legend,
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
    "teacher_kl": "KL from the teacher\n(nats per token; lower is nearer)",
    "teacher_agreement": "top-1 agreement\nwith the teacher (%)",
    "score": "score (%)",
}
UNTOUCHED: dict[str, Any] = {"color": BLACK, "marker": "*", "markersize": 13, "linestyle": "none"}


@figure("geometry", title="Geometry and behaviour", tables=("geometry", "seeds"))
def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `geometry` with `seeds`: one row per pair (and benchmark), one panel per measure of behaviour, one dot per
    variant.

    x: closeness to the paper's target (mean-centred cosine). Filled dots are methods with default settings, open ones
    their other settings; if there are many methods, those of one family share a colour. Dotted lines go through the
    untouched student. Above each panel is Spearman's rank correlation over all trained variants, with its bootstrap
    interval.
    """
    table = by_variant(tables["geometry"], tables["seeds"])
    if table.empty:
        return message("How near the states come to the target was not measured.")
    kin = families_of(trained(table)["method"])
    families = distinct(kin.values())
    blocks = [part for _, part in table.groupby(["pair", "benchmark"], sort=False)]
    with styled():
        lines = -(-(len(families) + 2) // 4)
        figure = blank(9.6, 3.3 * len(blocks) + 0.19 * lines + 0.3)
        parts = figure.subfigures(len(blocks), 1, squeeze=False)[:, 0]
        for part, block in zip(parts, blocks, strict=True):
            heading = ", ".join(spell(block[key].iloc[0]) for key in ("pair", "benchmark") if len(blocks) > 1)
            part.suptitle(heading, fontsize=10, fontweight="bold", x=0.01, ha="left")
            for axes, column in zip(part.subplots(1, 3), PANELS, strict=True):
                _draw_panel(axes, block, column, kin)
                axes.set_title(_correlation(block, column, levels_of(tables)), fontsize=8.5)
        student = Line2D([], [], label="untouched student", **(UNTOUCHED | {"markersize": 9}))
        others = trained(table)[["method", "variant"]].itertuples(index=False, name=None)
        open_ones = not all(_is_filled(method, variant, kin) for method, variant in others)
        legend(figure, [student, *family_handles(families, open_ones)])
    return figure


def _is_filled(method: str, variant: str, kin: Mapping[str, str]) -> bool:
    """Whether this is the method that names its family, with its default settings."""
    return variant == DEFAULT and kin[method] == method


def _draw_panel(axes: Any, block: pd.DataFrame, column: str, kin: Mapping[str, str]) -> None:
    families = distinct(kin.values())
    for _, cell in trained(block).iterrows():
        filled = _is_filled(cell["method"], cell["variant"], kin)
        look = dot_look(kin[cell["method"]], families, filled)
        axes.plot(cell["cosine_centred"], cell[column], **look)
    student = block[block["method"] == STUDENT]
    for _, cell in student.iterrows():
        axes.plot(cell["cosine_centred"], cell[column], zorder=6, markeredgecolor="white", **UNTOUCHED)
        axes.axvline(cell["cosine_centred"], color=GREY, linestyle=":", linewidth=0.9, zorder=1)
        axes.axhline(cell[column], color=GREY, linestyle=":", linewidth=0.9, zorder=1)
    axes.set(xlabel="cosine to the paper's target (centred)", ylabel=PANELS[column])


def _correlation(block: pd.DataFrame, column: str, levels: Levels) -> str:
    relation = rank_correlation(trained(block), "cosine_centred", column, levels)
    if pd.isna(relation.estimate):
        return f"rank correlation undefined\n({relation.variants} variants)"
    bounds = f"{signed(relation.low, 2)}, {signed(relation.high, 2)}"
    return f"rank correlation {signed(relation.estimate, 2)}\n[{bounds}], {relation.variants} variants"
