"""Figures of the ablations and of the analyses: what is drawn where."""

import itertools
from typing import Any

import fabricated_analyses as analyses
import fabricated_tables as fabricated
import pandas as pd
import pytest
from figure_panels import panels, points, rows_of

from semalign.report.figures import cost_gain, curves, pairing, registry


def test_ablation_marks_the_default() -> None:
    grid = panels(registry.draw("ablation", {"ablations": fabricated.ablation_table()}))
    assert len(grid) == 2 * 4
    assert rows_of(grid[0]) == ["pinv", "random", "None"]
    assert [label.get_fontweight() for label in grid[0].get_yticklabels()] == ["bold", "normal", "normal"]
    default = fabricated.ablation_table().query("benchmark == 'facts' and axis == 'map'")["score"].tolist()
    assert [round(x - default[0], 6) for x, _ in points(grid[0]).values()] == [-2.0, -4.0]


def test_ablation_colours_what_the_test_against_the_default_finds() -> None:
    frame = fabricated.ablation_table({"map": ["pinv", "random", "none"]}, ("facts",))
    axes = panels(registry.draw("ablation", {"ablations": frame}))[0]
    assert {row: marker for row, (_, marker) in points(axes).items()} == {1.0: "o", 2.0: "v"}
    untested = frame.drop(columns=["vs_default", "vs_default_p"])
    legend = registry.draw("ablation", {"ablations": untested}).legends[0]
    assert "variant, not tested" in [text.get_text() for text in legend.get_texts()]


@pytest.mark.slow
def test_many_axes_on_one_benchmark_stand_in_two_columns_without_overlap() -> None:
    many = fabricated.ablation_table({f"axis_{i}": ["default", "a", "b"] for i in range(25)}, ("mixture",))
    figure = registry.draw("ablation", {"ablations": many})
    figure.canvas.draw()
    assert figure.get_figheight() < 18
    columns: dict[float, list[Any]] = {}
    for axes in panels(figure):
        columns.setdefault(round(axes.get_window_extent().x1), []).append(axes)
    assert len(columns) == 2 and sum(map(len, columns.values())) == 25
    for column in columns.values():
        boxes = [axes.get_window_extent() for axes in column]
        assert all(above.y0 > below.y1 for above, below in itertools.pairwise(boxes))
        labels = [label.get_window_extent() for axes in column for label in axes.get_yticklabels()]
        assert all(above.y0 >= below.y1 - 1 for above, below in itertools.pairwise(labels))
    limits = {axes.get_xlim() for axes in panels(figure)}
    assert len(limits) == 1


def test_ablations_of_several_methods_have_a_heading_each() -> None:
    frame = fabricated.ablation_table({"examples": ["all", "50"]}, ("facts",))
    both = pd.concat([frame, frame.assign(method="distill-logits")])
    figure = registry.draw("ablation", {"ablations": both})
    headings = [
        part._suptitle.get_text() for line in figure.subfigs for part in line.subfigs if part._suptitle
    ]
    assert headings == ["SemAlign", "distill logits"]


def test_attribution_stars_the_critical_layer() -> None:
    frame = analyses.attribution_table(("facts",), ("default", "score~random"))
    first, second = panels(registry.draw("attribution", {"attribution": frame}))
    stars = [
        [float(x) for line in axes.lines if line.get_marker() == "*" for x in line.get_xdata()]
        for axes in (first, second)
    ]
    assert stars == [[2.0], [4.0]]
    assert [round(bar.get_height(), 6) for bar in first.patches] == (100 * frame["share"][:4]).round(
        6
    ).tolist()
    assert second.get_title() == "facts\nscore: random"


def test_pairing_draws_a_line_for_each_weight() -> None:
    frame = analyses.pairing_table(("facts",), {"default": 1, "pairs~2": 2})
    first, second = panels(registry.draw("pairing", {"pairing": frame}))
    lines = [
        [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_marker() != "*"]
        for axes in (first, second)
    ]
    assert [len(found) for found in lines] == [1, 3]
    assert [list(line.get_ydata()) for line in lines[0]] == [[1.0, 1.0]]
    widths = {tuple(line.get_ydata()): line.get_linewidth() for line in lines[1]}
    assert widths[0.75, 2 / 3] > widths[0.5, 2 / 3]
    row = {"below": 2, "above": 3, "weight": 0.25}
    assert pairing.sources(row) == {2: 0.75, 3: 0.25}
    assert pairing.sources({**row, "weight": 0.0}) == {2: 1.0}


def test_a_benchmark_that_a_method_is_not_trained_on_has_no_panel() -> None:
    both = analyses.curve_table(("semalign", "sft"), ("facts", "completion"))
    table = both[(both["method"] == "semalign") | (both["benchmark"] == "completion")]
    panels = curves.draw({"curves": table}).axes
    visible = [[panel.spines[side].get_visible() for side in ("left", "bottom")] for panel in panels[:4]]
    # the last row keeps the column's axis of steps
    assert visible == [[True, True], [True, True], [False, True], [True, True]]
    assert [len(panel.lines) > 0 for panel in panels[:4]] == [True, True, False, True]


def test_curves_are_means_over_seeds_in_windows_of_steps() -> None:
    cells = analyses.curve_table(("sft",), ("facts",), steps=120)
    line = curves.over_seeds(cells)
    assert len(line) == curves.MOST_POINTS and line["step"].iloc[0] == 1.5
    first = cells[cells["step"] <= 2].groupby("seed")["loss"].mean()
    assert line.loc[0, ["min", "mean", "max"]].tolist() == pytest.approx([first[0], first.mean(), first[1]])
    short = curves.over_seeds(cells[cells["step"] <= 7])
    assert short["step"].tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_geometry_states_the_correlation_and_marks_the_student() -> None:
    near, seeds = analyses.geometry_tables(relation=-1.0)
    figure = registry.draw("geometry", {"geometry": near, "seeds": seeds})
    kl, agreement, _ = panels(figure)
    assert kl.get_title() == "rank correlation −1.00\n[−1.00, −1.00], 7 variants"
    assert agreement.get_title().startswith("rank correlation +1.00")
    student = [line for line in kl.lines if line.get_markersize() == 13]
    assert [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in student] == [(0.0, 0.6)]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[0] == "untouched student" and labels[-1] == "open: a variant"
    looks = [
        (handle.get_color(), handle.get_marker(), handle.get_markerfacecolor())
        for handle in figure.legends[0].legend_handles
    ]
    assert len(set(looks)) == len(looks)


def dots(axes: Any, hollow: bool) -> set[tuple[float, float]]:
    """The points of a panel that are drawn open, or filled."""
    marks = [line for line in axes.lines if line.get_linestyle() == "None"]
    chosen = [line for line in marks if (line.get_markerfacecolor() == "white") == hollow]
    return {(float(x), float(y)) for line in chosen for x, y in line.get_xydata()}


def test_cost_stands_against_the_gain_with_and_without_signals() -> None:
    drawn = {"costs": fabricated.cost_table(fabricated.METHODS), "comparisons": analyses.comparison_table()}
    flops, seconds, _, below = panels(registry.draw("cost_gain", drawn))
    gains = (2.0, -2.0, -6.0)
    assert dots(flops, hollow=True) == {(1e10, gain) for gain in gains}
    assert dots(flops, hollow=False) == {(1.5e10, gain) for gain in gains}
    assert dots(seconds, hollow=True) == {(2.0, gain) for gain in gains}
    assert dots(seconds, hollow=False) == {(3.5, gain) for gain in gains}
    assert below.get_xlabel() == "seconds of one training"
    assert flops.get_xscale() == "log"


def test_tables_without_operations_are_drawn_by_seconds_alone() -> None:
    costs = fabricated.cost_table(fabricated.METHODS).drop(columns=["train_flops", "signal_flops"])
    figure = registry.draw("cost_gain", {"costs": costs, "comparisons": analyses.comparison_table()})
    assert [axes.get_xlabel() for axes in panels(figure)] == ["seconds of one training"] * 2


@pytest.mark.parametrize(("longest", "scale"), [(0.5, "linear"), (100, "log")])
def test_seconds_that_differ_widely_stand_on_a_logarithmic_axis(longest: float, scale: str) -> None:
    costs = fabricated.cost_table(fabricated.METHODS).drop(columns="train_flops")
    costs["signal_seconds"] = 0.1
    costs.loc[costs["method"] == "semalign", "signal_seconds"] *= longest
    drawn = {"costs": costs, "comparisons": analyses.comparison_table()}
    assert {axes.get_xscale() for axes in panels(registry.draw("cost_gain", drawn))} == {scale}


@pytest.mark.parametrize(
    ("value", "text"), [(2e10, "20 G"), (5e12, "5 T"), (1e9, "1 G"), (3e9, ""), (1e25, "10 Y"), (0.1, "")]
)
def test_operations_have_prefixes(value: float, text: str) -> None:
    assert cost_gain.operations_text(value) == text


def test_agreement_marks_what_comes_nearer_the_teacher() -> None:
    for gain, marker in ((0.1, "^"), (-0.1, "v"), (0.01, "o")):
        figure = registry.draw("agreement", {"agreement": analyses.agreement_table(("facts",), gain=gain)})
        kl, agreement = panels(figure)
        assert {found for _, found in points(kl).values()} == {marker}
        assert {found for _, found in points(agreement).values()} == {marker}
        assert rows_of(kl) == ["SemAlign", "SFT", "SFT all layers"]


def test_decomposition_shows_what_is_kept_and_what_crosses() -> None:
    frame = fabricated.decomposition_table({"smollm2": 3})
    given = {"decomposition": frame, "head": fabricated.head_table(), "crossing": analyses.crossing_table()}
    grid = panels(registry.draw("decomposition", given))
    assert len(grid) == 2 * 4 + 1
    kept, crossing = grid[3], grid[-1]
    assert rows_of(kept) == ["output", "input", "dual"]
    assert sorted(round(float(line.get_xdata()[0])) for line in kept.lines if len(line.get_xdata()) == 1) == [
        1,
        19,
        100,
    ]
    assert rows_of(crossing) == ["pinv", "dual", "input side", "random"]
    assert sum(len(line.get_xdata()) == 1 for line in crossing.lines) == 7
