"""Dots with intervals in named rows: the parts that the score, gap and ablation figures share."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from semalign.analysis.sentences import ALPHA, verdict
from semalign.figures.style import BLACK, BLUE, GREY, VERMILLION, wrap

STUDENT, TEACHER = "student", "teacher"
REFERENCES = (STUDENT, TEACHER)
LABEL_WIDTH = 24

# What a paired test against the student says: colour and marker say the same, so that neither is needed alone.
VERDICTS = {
    "higher": (BLUE, "^", f"above the student (p < {ALPHA:g})"),
    "lower": (VERMILLION, "v", f"below the student (p < {ALPHA:g})"),
    "no detectable difference": (GREY, "o", "no detectable difference"),
    "not tested": (BLACK, "s", "not tested"),
}


def is_focus(method: str) -> bool:
    """Whether this method is the one under study, set in bold."""
    return method.startswith("semalign")


def dot(axes: Any, row: float, values: Sequence[float], **look: Any) -> None:
    """One point with its interval, `values` being (middle, low, high); an undefined point is left out."""
    middle, low, high = (float(value) for value in values)
    if math.isnan(middle):
        return
    color = look.pop("color", BLACK)
    if not (math.isnan(low) or math.isnan(high)):
        axes.plot([low, high], [row, row], color=color, linewidth=1.6, solid_capstyle="butt", zorder=3)
    axes.plot([middle], [row], color=color, linestyle="none", zorder=4, **{"marker": "o", "markersize": 5.5, **look})


def judged_dot(axes: Any, row: float, cell: "pd.Series[Any]") -> str:
    """One method's score, coloured by the paired test against the student; returns the verdict."""
    judged = verdict(cell["vs_student"], cell["vs_student_p"])
    color, marker, _ = VERDICTS[judged]
    dot(axes, row, (cell["score"], cell["score_low"], cell["score_high"]), color=color, marker=marker)
    return judged


def reference(axes: Any, cell: "pd.Series[Any]", name: str) -> None:
    """The student or the teacher as an upright line with its interval as a band."""
    color, style = (BLACK, ":") if name == STUDENT else ("#009E73", "--")
    axes.axvline(cell["score"], color=color, linestyle=style, linewidth=1.3, zorder=2)
    if not (math.isnan(cell["score_low"]) or math.isnan(cell["score_high"])):
        axes.axvspan(cell["score_low"], cell["score_high"], color=color, alpha=0.08, linewidth=0, zorder=1)


def reference_handles() -> list[Any]:
    """Legend entries of the two reference lines."""
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=BLACK, linestyle=":", linewidth=1.3, label="student"),
        Line2D([], [], color="#009E73", linestyle="--", linewidth=1.3, label="teacher"),
    ]


def verdict_handles(seen: set[str]) -> list[Any]:
    """Legend entries of the verdicts that a figure shows, always in one order."""
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=color, marker=marker, markersize=5.5, linewidth=1.6, label=label)
        for name, (color, marker, label) in VERDICTS.items()
        if name in seen
    ]


def row_height(labels: Sequence[str], inches: float = 0.25) -> float:
    """Inches that named rows need, longer names taking a line more."""
    return sum(inches + 0.13 * wrap(label, LABEL_WIDTH).count("\n") for label in labels)
