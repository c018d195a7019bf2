"""Does the direction in which a layer's states move predict the gain in score? Every method and variant in one plot."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from semalign.report.displaced import ACHIEVED, DEFAULT, TARGET, ceiling, displaced, predicts
from semalign.report.figures import rows
from semalign.report.figures.families import MOST, dot_look, families_of, family_handles
from semalign.report.figures.labels import label_dots
from semalign.report.figures.registry import figure
from semalign.report.figures.style import GREY, blank, distinct, legend, message, spell, styled, wrap
from semalign.report.levels import Levels
from semalign.report.reading import levels_of
from semalign.report.words import STUDENT, signed

PANELS = {ACHIEVED: "where training moved the states", TARGET: "where the targets ask them to move"}
SIZE = 4.2, 3.0  # inches of a panel
ROOM = 0.25  # to the right of the dots, for the names of those at the ceiling; a share of the panel
LONGEST = 30  # characters of a name next to a dot
BAND: dict[str, Any] = {"color": GREY, "alpha": 0.25, "linewidth": 0}


@figure("displacement", title="Displacement and gain", tables=("displacement", "comparisons"))
def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `displacement` with `comparisons`: one row per pair, displacements by training left and by targets right.

    x: cosine of the tangent part with that of the reference method's other seeds. y: difference in score from the
    untouched student, with its interval (not corrected for several tests). The band is the ceiling: the reference
    method's seeds, compared with each other. Filled dots are methods with default settings, open ones their variants;
    if there are many methods, those of one family share a colour. Above each panel is Spearman's rank correlation
    without the reference method, with its bootstrap interval.
    """
    table = displaced(tables["displacement"], tables["comparisons"])
    if table.empty:
        return message("Where training moves the states was not measured.")
    kin = families_of(table["method"])
    blocks = [part for _, part in table.groupby(["pair", "benchmark"], sort=False)]
    with styled():
        lines = -(-len(set(kin.values())) // 4) if len(kin) > MOST else 0
        figure = blank(2 * SIZE[0] + 0.9, (SIZE[1] + 0.9) * len(blocks) + 0.19 * lines + 0.5)
        parts = figure.subfigures(len(blocks), 1, squeeze=False)[:, 0]
        for part, block in zip(parts, blocks, strict=True):
            first = block.iloc[0]
            same = [tables["displacement"][key] == first[key] for key in ("pair", "benchmark")]
            _draw_block(part, block, tables["displacement"][same[0] & same[1]], kin, levels_of(tables))
            if len(blocks) > 1:
                heading = f"{spell(first['pair'])}, {spell(first['benchmark'])}"
                part.suptitle(heading, fontsize=10, fontweight="bold", x=0.01, ha="left")
        legend(figure, _handles(table, kin, tables["displacement"]))
    return figure


def _draw_block(
    part: Any, block: pd.DataFrame, measured: pd.DataFrame, kin: Mapping[str, str], levels: Levels
) -> None:
    top = ceiling(measured)
    panels = part.subplots(1, 2, sharex=True, sharey=True)
    for axes, (kind, title) in zip(panels, PANELS.items(), strict=True):
        cells = block[block["kind"] == kind]
        axes.axhline(0, linewidth=1.3, zorder=2, **rows.LINES[STUDENT])
        if top.known:
            axes.axvspan(top.low, top.high, zorder=1, **BAND)
        for _, cell in cells.iterrows():
            _draw_dot(axes, cell, kin)
        axes.set_title(f"{title}\n{_correlation(block, kind, levels)}", fontsize=8.5)
        axes.set_xlabel(f"cosine with the displacement\nby {wrap(top.method, 34)}, other seeds")
        if cells.empty:
            axes.text(0.5, 0.5, "no targets", transform=axes.transAxes, ha="center", color=GREY)
    panels[0].set_ylabel("difference from\nthe student (points)")
    left, right = panels[0].get_xlim()
    panels[0].set_xlim(left - 0.05 * (right - left), right + ROOM * (right - left))
    for axes, kind in zip(panels, PANELS, strict=True):
        _label(axes, block[block["kind"] == kind], kin)


def _draw_dot(axes: Any, cell: "pd.Series[Any]", kin: Mapping[str, str]) -> None:
    filled = _is_filled(cell, kin)
    look = dot_look(kin[cell["method"]], distinct(kin.values()), filled)
    line = {"color": look["color"], "linewidth": 1.0, "alpha": 0.7 if filled else 0.3, "zorder": 2.5}
    axes.plot([cell["cosine"]] * 2, [cell["gain_low"], cell["gain_high"]], **line)
    axes.plot([cell["cosine_low"], cell["cosine_high"]], [cell["gain"]] * 2, **line)
    axes.plot([cell["cosine"]], [cell["gain"]], **look)


def _label(axes: Any, cells: pd.DataFrame, kin: Mapping[str, str]) -> None:
    """Write names next to the dots of methods with default settings; of many methods, those that have room."""
    dots = []
    for _, cell in cells.iterrows():
        color = dot_look(kin[cell["method"]], distinct(kin.values()), True)["color"]
        name = _short(spell(cell["method"])) if _is_filled(cell, kin) else ""
        dots.append((float(cell["cosine"]), float(cell["gain"]), name, color))
    label_dots(axes, dots, SIZE, every=len(kin) <= MOST)


def _short(name: str) -> str:
    """A name that fits into a panel."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1].rstrip()}…"


def _is_filled(cell: "pd.Series[Any]", kin: Mapping[str, str]) -> bool:
    """Whether this is a method with its default settings; of many methods, only the one that names its family."""
    return bool(cell["variant"] == DEFAULT) and (len(kin) <= MOST or kin[cell["method"]] == cell["method"])


def _correlation(block: pd.DataFrame, kind: str, levels: Levels) -> str:
    relation = predicts(block, kind, levels)
    if pd.isna(relation.estimate):
        return f"rank correlation undefined ({relation.variants} variants)"
    bounds = f"{signed(relation.low, 2)}, {signed(relation.high, 2)}"
    return f"rank correlation {signed(relation.estimate, 2)} [{bounds}], {relation.variants} variants"


def _handles(table: pd.DataFrame, kin: Mapping[str, str], measured: pd.DataFrame) -> list[Any]:
    open_ones = not all(_is_filled(cell, kin) for _, cell in table.iterrows())
    families = family_handles(distinct(kin.values()) if len(kin) > MOST else [], open_ones)
    untouched = Line2D([], [], linewidth=1.3, label="untouched student", **rows.LINES[STUDENT])
    return [untouched, *_bands(measured), *families]


def _bands(measured: pd.DataFrame) -> list[Any]:
    """The legend entry of the ceiling, if one is known."""
    blocks = (block for _, block in measured.groupby(["pair", "benchmark"], sort=False))
    names = distinct(wrap(top.method, 40) for top in map(ceiling, blocks) if top.known)
    return [Patch(label=f"ceiling: two seeds of {' and '.join(names)}", **BAND)] if names else []
