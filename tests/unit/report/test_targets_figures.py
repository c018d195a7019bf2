"""Figures of methods that differ in their target: what is drawn where, and which labels name what."""

import itertools
from typing import Any

import fabricated_tables as fabricated
import fabricated_targets as targets
import numpy as np
import pandas as pd
import pytest
from figure_panels import panels, points, rows_of
from matplotlib.text import Text

from semalign.report.figures import registry
from semalign.report.figures.line_ends import apart
from semalign.report.figures.scales import differ_widely
from semalign.report.levels import Levels
from semalign.report.reading import Tables


def ladder(table: pd.DataFrame, alpha: float = 0.05) -> Any:
    main = fabricated.main_table(benchmarks=list(dict.fromkeys(table["benchmark"])))
    return registry.draw("ladder", Tables({"ladder": table, "main": main}, Levels(alpha)))


def dose(table: pd.DataFrame, **levels: Any) -> Any:
    return registry.draw("dose", Tables({"dose": table}, Levels(**levels)))


def test_the_lowest_rung_is_at_the_bottom_and_marks_give_its_test() -> None:
    score, kl = panels(ladder(targets.ladder_table()))
    expected = ["oracle", "pullback", "semantic residual", "semantic residual random", "SemAlign"]
    assert rows_of(score) == expected and rows_of(kl) == []  # named once
    found = points(score)
    assert [x for x, _ in found.values()] == [75, 74, 68, 36, 12]
    assert [marker for _, marker in found.values()] == ["o", "o", "^", "^", "s"]
    assert [marker for _, marker in points(kl).values()] == ["o", "^", "^", "^", "s"]  # a lower KL is better


def test_a_rung_below_the_one_before_it_points_down() -> None:
    rungs = {"semantic-residual": (68.0, 0.16), "semalign": (12.0, 0.9)}
    score, kl = panels(ladder(targets.ladder_table(rungs=rungs)))
    assert points(score)[0.0] == (12, "v") and points(kl)[0.0] == (0.9, "v")
    strict = panels(ladder(targets.ladder_table(rungs=rungs), alpha=0.001))
    assert [points(axes)[0.0][1] for axes in strict] == ["o", "o"]


def test_student_and_teacher_are_lines_from_the_main_table() -> None:
    table = targets.ladder_table(("facts", "completion"))
    main = fabricated.main_table(benchmarks=("facts", "completion")).set_index(["benchmark", "method"])
    grid = panels(ladder(table))
    assert [axes.get_title() for axes in grid] == ["facts", "", "completion", ""]
    for number, axes in enumerate(grid):
        benchmark, measure = ("facts", "completion")[number // 2], ("score", "teacher_kl")[number % 2]
        lines = [float(line.get_xdata()[0]) for line in axes.lines if line.get_linestyle() in (":", "--")]
        assert lines == [main.loc[(benchmark, name), measure] for name in ("student", "teacher")]


def test_a_teacher_without_kl_is_left_out_of_a_logarithmic_axis() -> None:
    main = fabricated.main_table(benchmarks=("completion",))
    main.loc[main["method"] == "teacher", "teacher_kl"] = 0.0
    wide, narrow = targets.ladder_table(), targets.ladder_table(rungs={"a": (1.0, 0.2), "b": (2.0, 0.3)})
    drawn = [panels(registry.draw("ladder", {"ladder": table, "main": main}))[1] for table in (wide, narrow)]
    assert [axes.get_xscale() for axes in drawn] == ["log", "linear"]
    dashed = [sum(line.get_linestyle() == "--" for line in axes.lines) for axes in drawn]
    assert dashed == [0, 1]


def test_without_kl_the_score_stands_alone() -> None:
    measured = [name for name in targets.ladder_table() if name.startswith(("kl_", "teacher_"))]
    (only,) = panels(ladder(targets.ladder_table().assign(**dict.fromkeys(measured, np.nan))))
    assert only.get_xlabel() == "score (%)"
    undosed = targets.dose_table().assign(teacher_kl=np.nan)
    assert [axes.get_ylabel() for axes in panels(dose(undosed))] == ["score (%)"]


def test_each_target_is_a_line_from_the_student_to_its_label() -> None:
    table = targets.dose_table()
    score, kl = panels(dose(table))
    paths = [line for line in score.lines if len(line.get_xdata()) == 5]
    assert len(paths) == len(targets.REACHED)
    assert {(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in paths} == {(0.0, 35.0)}
    ends = {(round(float(line.get_xdata()[-1])), float(line.get_ydata()[-1])) for line in paths}
    assert ends == {(round(100 * drop), score) for score, drop in targets.REACHED.values()}
    labels = {text.get_text(): text for text in score.texts}
    assert set(labels) == {"SemAlign", "semantic residual", "semantic residual random", "pullback", "oracle"}
    assert labels["pullback"].xy == (60.0, 74.0) and len(kl.texts) == len(targets.REACHED)


def test_lines_of_controls_are_dashed() -> None:
    styles = [
        line.get_linestyle()
        for line in panels(dose(targets.dose_table()))[0].lines
        if len(line.get_xdata()) == 5
    ]
    assert styles == ["-", "--", "-", "-", "--"]
    image = dose(targets.dose_table(), controls=[])
    assert "dashed: a control" not in [text.get_text() for text in image.legends[0].get_texts()]


def test_doses_without_a_drop_and_parts_of_mixtures_are_left_out() -> None:
    table = targets.dose_table(("mixture", "mixture/facts"), {"semalign": (5.0, 0.5), "oracle": (70.0, 0.5)})
    table.loc[table["method"] == "oracle", ["drop", "drop_low", "drop_high"]] = np.nan
    score, _ = panels(dose(table))
    assert [text.get_text() for text in score.texts] == ["SemAlign"]
    assert not panels(dose(table[table["method"] != "semalign"]))


def test_labels_are_moved_apart_and_stay_in_order() -> None:
    places = apart([0.5, 0.5, 0.52, 0.9], [0.1, 0.1, 0.2, 0.1])
    gaps = np.diff(places)
    assert gaps[:2] == pytest.approx([0.1, 0.15]) and places[3] == pytest.approx(0.9)
    assert np.mean([places[0], places[1], places[2]]) == pytest.approx((0.5 + 0.5 + 0.52) / 3)
    assert apart([0.99, 1.0], [0.1, 0.1]) == pytest.approx([0.85, 0.95])
    assert apart([-1.0, 0.0], [0.1, 0.1]) == pytest.approx([0.05, 0.15])
    assert apart([], []) == []


@pytest.mark.slow
def test_ten_targets_have_labels_that_do_not_overlap() -> None:
    many = {f"semantic-residual-with-setting-{number}": (60.0 + number / 4, 0.5) for number in range(10)}
    image = dose(targets.dose_table(reached=many))
    image.canvas.draw()
    for axes in panels(image):
        boxes = sorted((Text.get_window_extent(text) for text in axes.texts), key=lambda box: box.y0)
        assert len(boxes) == 10
        assert all(low.y1 <= high.y0 + 1 for low, high in itertools.pairwise(boxes))


def test_an_axis_is_logarithmic_if_it_can_be_and_must() -> None:
    assert differ_widely([0.1, 0.7]) and not differ_widely([0.1, 0.5])
    assert not differ_widely([0.0, 5.0]) and not differ_widely([]) and differ_widely([np.nan, 1, 9])
