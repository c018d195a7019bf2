"""The README's figure: a study's scores in at most seven rows."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from semalign.report.figures import rows
from semalign.report.figures.registry import figure
from semalign.report.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    VERMILLION,
    blank,
    message,
    name_rows,
    spell,
    styled,
    wrap,
)
from semalign.report.levels import STANDARD, Levels
from semalign.report.reading import levels_of
from semalign.report.words import (
    REFERENCES,
    STUDENT,
    TEACHER,
    is_under_study,
    method_under_study,
    methods_of,
    wholes,
)

MOST = 7
# shown if the study has them, after the method under study: its correction with the control of it, and simple baselines
CORRECTION = ("semantic-residual", "semantic-residual-random-bases")
COMPARED = ("sft", "distill-logits")
LABELS = {STUDENT: "Student, untouched", TEACHER: "Teacher"}
COLORS = {STUDENT: BLACK, TEACHER: GREEN}
TEXT, WIDTH = 11.0, 26  # text size in points, characters per line of a name


@figure("summary", title="Summary", tables=("main",))
def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw `main`: scores of at most seven methods on the first whole benchmark, as bars with intervals."""
    main, levels = tables["main"], levels_of(tables)
    whole = wholes(main)
    if whole.empty:
        return message("No scores to draw.")
    first = whole.iloc[0]
    panel = whole[(whole["pair"] == first["pair"]) & (whole["benchmark"] == first["benchmark"])]
    parts = main["benchmark"].str.startswith(f"{first['benchmark']}/")
    tasks = main.loc[parts, "benchmark"].nunique()
    with styled():
        return _draw(panel, _where(first["benchmark"], tasks), levels)


def _where(benchmark: str, tasks: int) -> str:
    return f"mean of {tasks} tasks" if tasks else spell(benchmark)


def _draw(panel: pd.DataFrame, where: str, levels: Levels) -> Any:
    names = chosen(panel, levels)
    labels = [LABELS.get(name) or wrap(name, WIDTH) for name in names]
    figure = blank(7.0, 0.9 + sum(0.34 + 0.16 * label.count("\n") for label in labels))
    axes = figure.subplots()
    student = panel.loc[panel["method"] == STUDENT, "score"]
    rows.upright(axes, student.iloc[0] if len(student) else float("nan"), STUDENT)
    cells = {cell["method"]: cell for cell in panel.to_dict("records")}
    for row, name in enumerate(names):
        middle, low, high = (float(cells[name][f"score{end}"]) for end in ("", "_low", "_high"))
        color = COLORS.get(name, VERMILLION if is_under_study(name) else BLUE)
        rows.dot(axes, row, (middle, low, high), color=color, markersize=7)
        place = (middle if pd.isna(high) else high, row)
        text = {
            "xytext": (6, 0),
            "textcoords": "offset points",
            "va": "center",
            "fontsize": TEXT,
            "color": color,
        }
        axes.annotate(f"{middle:.1f}", place, **text)
    name_rows(axes, labels, [row for row, name in enumerate(names) if is_under_study(name)][:1])
    axes.set_xlim(0, 112)
    axes.set_xlabel(f"score (%), {where}; lines: {levels.percent} intervals", fontsize=TEXT)
    axes.tick_params(labelsize=TEXT)
    return figure


def chosen(panel: pd.DataFrame, levels: Levels = STANDARD) -> list[str]:
    """Student, method under study, a control, simple baselines, the best method, teacher: at most seven.

    The control is that of the correction, which is shown as well, if the study has it, else that of the method itself.
    """
    methods = methods_of(panel)
    own = method_under_study(panel)
    control = next((name for name in methods if name.startswith(f"{own}-random")), "")
    tried = [name for name in methods if not levels.is_control(name)]
    ranked = panel[panel["method"].isin(tried)].sort_values("score", ascending=False, kind="stable")["method"]
    best, *others = [*ranked, ""]
    controlled = CORRECTION if CORRECTION[0] in methods else (control,)
    wanted = [own, *controlled, *COMPARED, best, *others]
    kept = [name for name in dict.fromkeys(wanted) if name in methods][: MOST - len(REFERENCES)]
    names = [STUDENT, *kept, TEACHER]
    return [name for name in names if name in set(panel["method"])]
