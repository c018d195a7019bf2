"""Dose and effect: what happens to the answers as training comes nearer to its target, one line per target."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from semalign.report.figures import rows
from semalign.report.figures.line_ends import INCHES, Label, label_ends
from semalign.report.figures.registry import figure
from semalign.report.figures.scales import differ_widely, spread_out
from semalign.report.figures.style import (
    GREY,
    blank,
    distinct,
    heading,
    legend,
    look_of,
    message,
    styled,
    wrap,
)
from semalign.report.levels import Levels
from semalign.report.reading import levels_of
from semalign.report.words import STUDENT, wholes

MEASURES = {"score": "score (%)", "teacher_kl": "KL from the teacher\n(nats per token; lower is nearer)"}
HEIGHT = 2.5  # inches of a panel whose labels need no more
LABEL_WIDTH = 24


@figure("dose", title="Dose", tables=("dose",))
def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `dose`: one line of panels per pair and benchmark, score on the left, KL from the teacher on the right.

    x: drop of the layer loss in percent. Each line is a method; it starts at the untouched student, which is also the
    dotted line. Vertical bars are intervals. Lines of controls are dashed.
    The axis of KL is logarithmic if its values differ widely.
    """
    table = wholes(tables["dose"]).dropna(subset=["drop"])
    methods = [name for name in distinct(table["method"]) if name != STUDENT]
    if not methods:
        return message("No training with a layer loss in this study.")
    levels = levels_of(tables)
    measures = [name for name in MEASURES if table[name].notna().any()]
    blocks = [block for _, block in table.groupby(["pair", "benchmark"], sort=False)]
    with styled():
        high = max(HEIGHT, INCHES * sum(wrap(name, LABEL_WIDTH).count("\n") + 1 for name in methods))
        image = blank(5.0 * len(measures), len(blocks) * (high + 0.85) + 0.3)
        grid = image.subplots(len(blocks), len(measures), squeeze=False)
        for line, block in zip(grid, blocks, strict=True):
            for axes, measure in zip(line, measures, strict=True):
                if measure != "score" and differ_widely([*block[measure], *block[f"{measure}_low"]]):
                    spread_out(axes, "y")
                _draw_panel(axes, block, measure, methods, levels)
                label_ends(axes, _labels(block, measure, methods), high)
            if len(blocks) > 1:
                line[0].set_title(heading(table, block), fontweight="bold")
        legend(image, [*rows.reference_handles([STUDENT]), *_control_handle(methods, levels)])
    return image


def _draw_panel(axes: Any, block: pd.DataFrame, measure: str, methods: Sequence[str], levels: Levels) -> None:
    untouched = block[block["method"] == STUDENT]
    for value in untouched[measure]:
        axes.axhline(value, linewidth=1.3, zorder=2, **rows.LINES[STUDENT])
    for method in methods:
        points = _points(block, method, measure)
        look = look_of(methods.index(method))
        style = "--" if levels.is_control(method) else "-"
        start = [(0.0, value) for value in untouched[measure]]
        path = [*start, *zip(100 * points["drop"], points[measure], strict=True)]
        axes.plot(*zip(*path, strict=True), color=look["color"], linestyle=style, linewidth=1.2, zorder=3)
        axes.plot(100 * points["drop"], points[measure], markersize=5, linestyle="none", zorder=4, **look)
        bounds = points[f"{measure}_low"], points[f"{measure}_high"]
        axes.vlines(100 * points["drop"], *bounds, color=look["color"], linewidth=1.0, alpha=0.45, zorder=3)
    axes.set(xlabel="drop of the layer loss (%)", ylabel=MEASURES[measure])


def _points(block: pd.DataFrame, method: str, measure: str) -> pd.DataFrame:
    """The doses of a method that have this measure, the smallest first."""
    return block[block["method"] == method].dropna(subset=[measure]).sort_values("drop", kind="stable")


def _labels(block: pd.DataFrame, measure: str, methods: Sequence[str]) -> list[Label]:
    labels = []
    for number, method in enumerate(methods):
        for _, last in _points(block, method, measure).tail(1).iterrows():
            color = look_of(number)["color"]
            labels.append(Label(wrap(method, LABEL_WIDTH), 100 * last["drop"], last[measure], color))
    return labels


def _control_handle(methods: Sequence[str], levels: Levels) -> list[Any]:
    if not any(map(levels.is_control, methods)):
        return []
    return [Line2D([], [], color=GREY, linestyle="--", linewidth=1.2, label="dashed: a control")]
