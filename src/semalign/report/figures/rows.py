"""Dots with intervals in named rows: the parts that the score, gap and ablation figures share."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from semalign.report.figures.style import BLACK, BLUE, GREEN, GREY, VERMILLION, name_rows, wrap
from semalign.report.levels import Levels
from semalign.report.words import STUDENT, TEACHER, is_under_study, verdict

Look = tuple[str, str, str]  # colour, marker, and text in the legend
LABEL_WIDTH = 28
ROOM = 0.24  # width of a written score, as a share of the panel's
LINES: dict[str, dict[str, Any]] = {
    STUDENT: {"color": BLACK, "linestyle": ":"},
    TEACHER: {"color": GREEN, "linestyle": "--"},
}

# Results of a paired test against the student; colour and marker show the same, so that either is enough.
VERDICTS: dict[str, Look] = {
    "higher": (BLUE, "^", "above the student (p < {alpha:g})"),
    "lower": (VERMILLION, "v", "below the student (p < {alpha:g})"),
    "undecided": (GREY, "o", "not significant"),
    "untested": (BLACK, "s", "not tested"),
}


def dot(axes: Any, row: float, values: Sequence[float], **look: Any) -> None:
    """One point with its interval, `values` being (middle, low, high); an undefined point is left out."""
    middle, low, high = (float(value) for value in values)
    if math.isnan(middle):
        return
    color = look.pop("color", BLACK)
    if not (math.isnan(low) or math.isnan(high)):
        axes.plot([low, high], [row, row], color=color, linewidth=1.6, solid_capstyle="butt", zorder=3)
    axes.plot(
        [middle], [row], color=color, linestyle="none", zorder=4, **{"marker": "o", "markersize": 5.5, **look}
    )


def judged_dot(axes: Any, row: float, cell: "pd.Series[Any]", levels: Levels) -> str:
    """One method's score, coloured by the paired test against the student; returns the verdict."""
    judged = verdict(cell["vs_student"], cell["vs_student_p"], levels)
    color, marker, _ = VERDICTS[judged]
    dot(axes, row, (cell["score"], cell["score_low"], cell["score_high"]), color=color, marker=marker)
    return judged


def write_scores(
    axes: Any, cells: Mapping[int, "pd.Series[Any]"], lines: Sequence[float], levels: Levels
) -> None:
    """Write each row's score to the right of its interval, or to the left if a vertical line or the edge is there.

    Call it after all dots are drawn; `lines` are the positions of the vertical lines.
    """
    left, right = axes.get_xlim()
    axes.set_xlim(left, right)
    room = ROOM * (right - left)
    for row, cell in cells.items():
        if math.isnan(cell["score"]):
            continue
        low, high = (
            cell["score"] if math.isnan(cell[end]) else cell[end] for end in ("score_low", "score_high")
        )
        outwards = high + room <= right and not any(high < line < high + room for line in lines)
        outwards = outwards or low - room < left
        axes.annotate(
            f"{cell['score']:.1f}",
            (high if outwards else low, row),
            xytext=(3 if outwards else -3, 0),
            textcoords="offset points",
            ha="left" if outwards else "right",
            va="center",
            fontsize=8,
            color=VERDICTS[verdict(cell["vs_student"], cell["vs_student_p"], levels)][0],
            zorder=5,
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )


def reference(axes: Any, cell: "pd.Series[Any]", name: str) -> None:
    """The student or the teacher as a vertical line with its interval as a band."""
    upright(axes, cell["score"], name)
    if not (math.isnan(cell["score_low"]) or math.isnan(cell["score_high"])):
        band = {"color": LINES[name]["color"], "alpha": 0.08, "linewidth": 0, "zorder": 1}
        axes.axvspan(cell["score_low"], cell["score_high"], **band)


def upright(axes: Any, where: float, name: str) -> None:
    """The line of the student or of the teacher; if they coincide, the dots are visible on the dashes."""
    if not math.isnan(where):
        axes.axvline(where, linewidth=1.3, zorder=2.1 if name == STUDENT else 2, **LINES[name])


def reference_handles(names: Sequence[str] = (STUDENT, TEACHER), bands: bool = False) -> list[Any]:
    """Legend entries of the reference lines, which may have their intervals as bands."""
    note = " (band: interval)" if bands else ""
    return [Line2D([], [], linewidth=1.3, label=f"{name}{note}", **LINES[name]) for name in names]


def verdict_handles(seen: set[str], levels: Levels, looks: Mapping[str, Look] = VERDICTS) -> list[Any]:
    """Legend entries of the verdicts that a figure shows, always in one order."""
    shown = [look for name, look in looks.items() if name in seen]
    return [handle(color, marker, label.format(alpha=levels.alpha)) for color, marker, label in shown]


def handle(color: str, marker: str, label: str, size: float = 5.5) -> Any:
    """The legend entry of a dot with its interval."""
    return Line2D([], [], color=color, marker=marker, markersize=size, linewidth=1.6, label=label)


def name_methods(axes: Any, methods: Sequence[str]) -> None:
    """One row per method, the method under study in bold."""
    strong = [row for row, method in enumerate(methods) if is_under_study(method)]
    name_rows(axes, [wrap(method, LABEL_WIDTH) for method in methods], strong)


def row_height(labels: Sequence[str], inches: float = 0.25) -> float:
    """Height in inches of named rows: all are as high as the one whose name takes the most lines."""
    most = max((wrap(label, LABEL_WIDTH).count("\n") for label in labels), default=0)
    return len(labels) * (inches + 0.12 * most)
