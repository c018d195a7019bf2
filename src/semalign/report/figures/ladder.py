"""The ladder: methods that differ in one thing, the lowest rung at the bottom, each tested against the one below."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from semalign.report.figures import rows
from semalign.report.figures.registry import figure
from semalign.report.figures.scales import differ_widely, spread_out
from semalign.report.figures.style import (
    BLACK,
    BLUE,
    GREY,
    VERMILLION,
    blank,
    heading,
    legend,
    message,
    styled,
)
from semalign.report.levels import Levels
from semalign.report.reading import levels_of
from semalign.report.words import REFERENCES, verdict, wholes

# column of the measure -> (the measure in the names of its test's columns, label of the axis, sign of what is better)
MEASURES = {
    "score": ("score", "score (%)", 1),
    "teacher_kl": ("kl", "KL from the teacher\n(nats per token; lower is nearer)", -1),
}
# Results of the paired test against the rung below; colour and marker show the same, so that either is enough.
LOOKS: dict[str, rows.Look] = {
    "higher": (BLUE, "^", "better than the rung below (p < {alpha:g})"),
    "lower": (VERMILLION, "v", "worse than the rung below (p < {alpha:g})"),
    "undecided": (GREY, "o", "not significant"),
    "untested": (BLACK, "s", "not tested"),
}


@figure("ladder", title="Ladder", tables=("ladder", "main"))
def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `ladder`: one line of panels per pair and benchmark, score on the left, KL from the teacher on the right.

    Parts of a mixture have no panels of their own. One row per rung with its interval, the lowest at the bottom. Colour
    and marker give the corrected paired test against the rung below; the vertical lines are the student and the teacher
    of `main`, with bands that are their intervals. The axis of KL is logarithmic, and without the teacher (0), if the
    rungs differ widely.
    """
    table, levels = wholes(tables["ladder"]), levels_of(tables)
    if table.empty:
        return message("No ladder in this study.")
    measures = [name for name in MEASURES if table[name].notna().any()]
    blocks = [block for _, block in table.groupby(["pair", "benchmark"], sort=False)]
    with styled():
        heights = [rows.row_height(list(block["method"])) + 0.75 for block in blocks]
        image = blank(2.4 + 2.7 * len(measures), sum(heights) + 0.5)
        parts = image.subfigures(len(blocks), 1, squeeze=False, height_ratios=heights)[:, 0]
        seen: set[str] = set()
        for part, block in zip(parts, blocks, strict=True):
            panels = part.subplots(1, len(measures), squeeze=False)[0]
            for axes, measure in zip(panels, measures, strict=True):
                if measure != "score" and differ_widely([*block[measure], *block[f"{measure}_low"]]):
                    spread_out(axes, "x")
                seen |= _draw_panel(axes, block, measure, levels)
                _draw_references(axes, block, measure, tables["main"])
                axes.tick_params(axis="y", labelleft=axes is panels[0])
            if len(blocks) > 1:
                panels[0].set_title(heading(table, block), fontweight="bold")
        legend(
            image, [*rows.reference_handles(bands=True), *rows.verdict_handles(seen, levels, LOOKS)], most=3
        )
    return image


def judge(cell: "pd.Series[Any]", measure: str, levels: Levels) -> str:
    """The verdict of a rung's test against the one below: `higher` if it is better, whatever the measure's sign."""
    name, _, sign = MEASURES[measure]
    return verdict(sign * cell[f"{name}_vs_below"], cell[f"{name}_p_holm"], levels)


def _draw_panel(axes: Any, block: pd.DataFrame, measure: str, levels: Levels) -> set[str]:
    """Draw the dots of one panel, and return the verdicts shown."""
    upwards = block.iloc[::-1]  # the first row of a panel is at its top
    seen = set()
    for row, (_, cell) in enumerate(upwards.iterrows()):
        judged = judge(cell, measure, levels)
        color, marker, _ = LOOKS[judged]
        values = [cell[measure], cell[f"{measure}_low"], cell[f"{measure}_high"]]
        rows.dot(axes, row, values, color=color, marker=marker)
        seen.add(judged)
    rows.name_methods(axes, list(upwards["method"]))
    if axes.get_xscale() == "linear":
        axes.locator_params(axis="x", nbins=6)
    axes.set_xlabel(MEASURES[measure][1])
    return seen


def _draw_references(axes: Any, block: pd.DataFrame, measure: str, main: pd.DataFrame) -> None:
    first = block.iloc[0]
    here = main[(main["pair"] == first["pair"]) & (main["benchmark"] == first["benchmark"])]
    for name in REFERENCES:
        for _, cell in here[here["method"] == name].iterrows():
            if measure == "score":
                rows.reference(axes, cell, name)
            elif cell[measure] > 0 or axes.get_xscale() == "linear":
                rows.upright(axes, cell[measure], name)
