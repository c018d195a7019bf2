"""Figures: what is drawn where, for one or many of everything, and the same bytes each time."""

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import fabricated_analyses as analyses
import fabricated_tables as fabricated
import fabricated_targets as targets
import matplotlib
import numpy as np
import pandas as pd
import pytest
from figure_panels import panels, points, rows_of
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from PIL import Image

from semalign.report.figures import gap_closed, registry, similarity, style
from semalign.report.figures.families import families_of
from semalign.runtime.errors import UserError

LONG = ("student", "teacher", "semalign", *(f"distill-hidden-states-least-squares-map-{i}" for i in range(8)))


def tables(**given: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """All tables of a study with one pair and four benchmarks, some replaced."""
    return {
        "main": fabricated.main_table(),
        "ablations": fabricated.ablation_table(),
        "decomposition": fabricated.decomposition_table(),
        "similarity": fabricated.similarity_table(),
        "head": fabricated.head_table(),
        "costs": fabricated.cost_table(fabricated.METHODS),
        **analyses.analyses(),
        **targets.target_tables(),
        **given,
    }


MANY = tables(
    ladder=targets.ladder_table(("mmlu", "gsm8k", "mbpp"), dict.fromkeys(LONG, (50.0, 0.2))),
    dose=targets.dose_table(("mmlu", "gsm8k"), dict.fromkeys(LONG[2:], (40.0, 0.5))),
    ablations=fabricated.ablation_table(
        {f"axis_{i}": ["default", "a", "b"] for i in range(25)}, ("mixture",)
    ),
    attribution=analyses.attribution_table(("mmlu", "mixture"), layers=40),
    pairing=analyses.pairing_table(("mmlu",), {"default": 1, "pairs~4": 4, "pairs~all": 32}, (40, 32)),
    curves=analyses.curve_table(LONG[2:], ("mmlu", "mixture"), 500),
    agreement=analyses.agreement_table(("mmlu", "gsm8k", "humaneval", "mbpp", "mixture"), LONG),
    main=fabricated.main_table(("pair-a", "pair-b"), ("mmlu", "gsm8k", "humaneval", "mbpp", "extra"), LONG),
    decomposition=fabricated.decomposition_table({"teacher": 4, "student": 3}),
    similarity=fabricated.similarity_table(
        ("pair-a", "pair-b"), ("mmlu", "mbpp"), ("sft", "semalign"), (10, 9)
    ),
)
ONE = tables(
    ladder=targets.ladder_table(("facts",), {"student": (35.0, 0.3), "semalign": (36.0, 0.2)}),
    dose=targets.dose_table(("facts",), {"semalign": (36.0, 0.4)}, doses=1),
    attribution=analyses.attribution_table(("facts",), ("default",), 1),
    pairing=analyses.pairing_table(("facts",), {"default": 1}, (1, 1)),
    curves=analyses.curve_table(("semalign",), ("facts",), 1),
    agreement=analyses.agreement_table(("facts",), ("student", "semalign")),
    main=fabricated.main_table(benchmarks=("facts",), methods=("student", "teacher", "semalign")),
    ablations=fabricated.ablation_table({"map": ["pinv", "random"]}, ("facts",)),
    decomposition=fabricated.decomposition_table({"m": 1}),
    similarity=fabricated.similarity_table(depths=(1, 1)),
)
EMPTY = {name: table.iloc[:0] for name, table in tables().items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", registry.FIGURES)
@pytest.mark.parametrize("given", [tables(), MANY, ONE, EMPTY], ids=["tiny", "many", "one", "empty"])
def test_every_figure_draws_without_warning(name: str, given: dict[str, pd.DataFrame], recwarn: Any) -> None:
    figure = registry.draw(name, given)
    figure.canvas.draw()
    assert not list(recwarn)
    assert panels(figure) or figure.texts


@pytest.mark.slow
@pytest.mark.parametrize("name", registry.FIGURES)
def test_same_table_same_bytes_whatever_the_user_set(name: str, tmp_path: Path) -> None:
    small = tables(
        main=fabricated.main_table(benchmarks=("facts", "arithmetic")),
        ablations=fabricated.ablation_table({"map": ["pinv", "random"]}, ("facts",)),
        decomposition=fabricated.decomposition_table({"m": 3}),
        attribution=analyses.attribution_table(("facts",)),
        pairing=analyses.pairing_table(("facts",)),
        curves=analyses.curve_table(("semalign",), ("facts",)),
        agreement=analyses.agreement_table(("facts",)),
    )
    style.save(registry.draw(name, small), tmp_path / "a", name)
    with matplotlib.rc_context({"font.size": 20, "svg.hashsalt": "other", "axes.facecolor": "red"}):
        style.save(registry.draw(name, small), tmp_path / "b", name)
    for suffix in ("svg", "png"):
        first, second = ((tmp_path / run / f"{name}.{suffix}").read_bytes() for run in "ab")
        assert first == second
    assert b"<dc:date>" not in (tmp_path / "a" / f"{name}.svg").read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [f"{name}.png", f"{name}.svg"]


@pytest.mark.slow
def test_same_bytes_when_the_layout_differs_in_its_last_bits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The solver of the layout adds up in the order of addresses in memory."""
    execute, noise = ConstrainedLayoutEngine.execute, np.random.default_rng(0)

    def shaken(engine: Any, figure: Any) -> Any:
        done = execute(engine, figure)
        for axes in figure.axes:
            bounds = np.array(axes.get_position(original=True).bounds)
            axes.set_position(bounds + noise.uniform(-1e-14, 1e-14, 4))
            axes.set_in_layout(True)
        for part in figure.subfigs:
            points = part.bbox_relative.get_points()
            part.bbox_relative.set_points(points + noise.uniform(-1e-14, 1e-14, (2, 2)))
        return done

    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", shaken)
    for run in "ab":
        style.save(registry.draw("similarity", ONE), tmp_path / run, "similarity")
    for suffix in ("svg", "png"):
        first, second = ((tmp_path / run / f"similarity.{suffix}").read_bytes() for run in "ab")
        assert first == second


@pytest.mark.slow
def test_other_numbers_other_bytes(tmp_path: Path) -> None:
    for run, seed in (("a", 0), ("b", 1)):
        style.save(
            registry.draw("scores", tables(main=fabricated.main_table(seed=seed))), tmp_path / run, "scores"
        )
    assert (tmp_path / "a/scores.svg").read_bytes() != (tmp_path / "b/scores.svg").read_bytes()


def test_a_figure_for_git_has_few_colours_and_the_same_look(tmp_path: Path) -> None:
    png = style.save(registry.draw("similarity", ONE), tmp_path, "similarity")
    whole = np.asarray(Image.open(png).convert("RGB"), dtype=float)
    size = png.stat().st_size
    style.reduce_colours(png)
    assert png.stat().st_size < size and len(Image.open(png).getcolors()) <= style.COLOURS
    reduced = np.asarray(Image.open(png).convert("RGB"), dtype=float)
    assert reduced.shape == whole.shape and np.abs(reduced - whole).mean() < 1


def test_scores_stand_in_their_rows_with_the_verdict_of_the_test() -> None:
    main = fabricated.main_table(benchmarks=("facts", "arithmetic"))
    by_hand = {
        "semalign": ("facts", -6.0, 0.01, "v"),
        "sft": ("facts", 6.0, 0.01, "^"),
        "sft-all-layers": ("facts", 6.0, 0.2, "o"),
    }
    for method, (benchmark, difference, p, _) in by_hand.items():
        at = (main["method"] == method) & (main["benchmark"] == benchmark)
        main.loc[at, ["score", "vs_student", "vs_student_p"]] = [50 + difference, difference, p]
    facts, arithmetic = panels(registry.draw("scores", {"main": main}))
    assert [facts.get_title(), arithmetic.get_title()] == ["facts", "arithmetic"]
    assert rows_of(facts) == ["SemAlign", "SFT", "SFT all layers"]
    assert points(facts) == {
        float(row): (50 + difference, marker)
        for row, (_, difference, _, marker) in enumerate(by_hand.values())
    }
    student = main[(main["method"] == "student") & (main["benchmark"] == "facts")]["score"].item()
    assert any(list(line.get_xdata()) == [student, student] for line in facts.lines)


def test_published_figures_are_drawn_where_there_are_some() -> None:
    main = fabricated.main_table(benchmarks=("mmlu",))
    legends = registry.draw("scores", {"main": main}).legends[0]
    assert "published" not in [text.get_text() for text in legends.get_texts()]
    main.loc[main["method"] == "semalign", "paper"] = 50.3
    figure = registry.draw("scores", {"main": main})
    assert "published" in [text.get_text() for text in figure.legends[0].get_texts()]
    diamonds = [line for line in panels(figure)[0].lines if line.get_marker() == "D"]
    assert [float(line.get_xdata()[0]) for line in diamonds] == [50.3]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["scores", "gap_closed"])
def test_long_names_neither_collide_nor_leave_the_figure(name: str) -> None:
    figure = registry.draw(name, MANY)
    figure.canvas.draw()
    labels = [[label for label in axes.get_yticklabels() if label.get_text()] for axes in panels(figure)]
    assert sum(len(column) > 0 for column in labels) >= 2
    for column in labels:
        boxes = [label.get_window_extent() for label in column]
        assert all(above.y0 >= below.y1 - 1 for above, below in itertools.pairwise(boxes))
        assert all(box.x0 >= 0 for box in boxes)
        assert all(len(line) <= 28 for label in column for line in label.get_text().split("\n"))


@pytest.mark.slow
@pytest.mark.parametrize("name", registry.FIGURES)
def test_a_figure_fits_the_page_and_is_legible_there(name: str) -> None:
    """A page is 66 rem wide: 11 inches, at which nothing is scaled down."""
    for given in (MANY, ONE):
        figure = registry.draw(name, given)
        assert figure.get_figwidth() <= 11
        texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
        assert not [text.get_text() for text in texts if text.get_fontsize() < 8]


@pytest.mark.parametrize(("benchmarks", "lines"), [(1, 1), (5, 1), (6, 2), (8, 2), (11, 3)])
def test_benchmarks_beyond_five_go_to_lines_of_about_the_same_length(benchmarks: int, lines: int) -> None:
    names = [f"b{number}" for number in range(benchmarks)]
    drawn = panels(registry.draw("scores", {"main": fabricated.main_table(benchmarks=names)}))
    assert [axes.get_title() for axes in drawn] == names
    assert len({axes.get_subplotspec().rowspan.start for axes in drawn}) == lines


def test_scores_are_written_clear_of_the_upright_lines() -> None:
    figure = registry.draw("scores", {"main": fabricated.main_table(methods=LONG)})
    figure.canvas.draw()
    written = 0
    for axes in panels(figure):
        uprights = [line.get_window_extent().x0 for line in axes.lines if len(set(line.get_xdata())) == 1]
        for text in axes.texts:
            box = text.get_window_extent()
            written += 1
            assert box.x0 >= axes.get_window_extent().x0 - 1
            teacher = max(uprights)
            assert not box.x0 < teacher < box.x1
    assert written == 4 * (len(LONG) - 2)


def test_many_methods_share_colours_by_family() -> None:
    few = ["sft", "sft-all-layers", "prox"]
    assert families_of(few) == {name: name for name in few}
    many = ["semalign", "sft", *(f"semalign-random-{i}" for i in range(6)), "sft-all-layers", "sftx"]
    kin = families_of(many)
    assert {kin[name] for name in many if name.startswith("semalign")} == {"semalign"}
    assert (kin["sft-all-layers"], kin["sftx"]) == ("sft", "sftx")


def test_undefined_gaps_are_named_not_drawn() -> None:
    main = fabricated.main_table()
    main.loc[main["benchmark"] == "synthesis", ["gap_closed", "gap_closed_low", "gap_closed_high"]] = float(
        "nan"
    )
    figure = registry.draw("gap_closed", {"main": main})
    axes = panels(figure)[0]
    assert len(points(axes)) == 3 * 3
    assert "undefined on synthesis" in axes.texts[0].get_text()
    assert "synthesis" not in [text.get_text() for text in figure.legends[0].get_texts()]
    main["gap_closed"] = float("nan")
    assert "No gap" in registry.draw("gap_closed", {"main": main}).texts[0].get_text()


def test_an_endless_gap_interval_is_cut_with_an_arrow() -> None:
    main = fabricated.main_table(benchmarks=("facts",), methods=("student", "teacher", "semalign"))
    main.loc[main["method"] == "semalign", ["gap_closed_low", "gap_closed", "gap_closed_high"]] = [
        -9.0,
        0.5,
        9.0,
    ]
    axes = panels(registry.draw("gap_closed", {"main": main}))[0]
    arrows = {
        line.get_marker(): float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() in "<>"
    }
    assert arrows == {"<": gap_closed.WINDOW[0], ">": gap_closed.WINDOW[1]}
    low, high = axes.get_xlim()
    assert gap_closed.WINDOW[0] - 50 < low < high < gap_closed.WINDOW[1] + 50


@pytest.mark.slow
def test_decomposition_has_every_line_with_its_controls() -> None:
    frame = fabricated.decomposition_table()
    grid = panels(registry.draw("decomposition", {"decomposition": frame}))
    assert [axes.get_title() for axes in grid] == [
        "block output",
        "MLP output",
        "attention output",
        "",
        "",
        "",
    ]
    for axes in grid:
        assert len(axes.lines) == 3 * 3  # output, input and random bases: measured, isotropic, shuffled
    folded = frame[(frame["bases"] == "output") & frame["folded"] & (frame["interface"] == "mlp")]
    drawn = [list(line.get_ydata()) for line in grid[4].lines]
    for column in ("cosine", "isotropic", "shuffled"):
        assert list(folded[column]) in drawn


def test_similarity_shows_after_minus_before() -> None:
    frame = fabricated.similarity_table()
    line = similarity.choose_lines(frame)[0]
    difference = similarity.matrix(frame, line, "difference")
    assert difference.shape == (4, 3)
    assert difference[1].round(9).tolist() == [0.1] * 4
    assert difference[[2, 3]].abs().max().max() < 1e-9
    titles = [axes.get_title() for axes in panels(registry.draw("similarity", {"similarity": frame}))]
    measures = [title.partition("(")[2] for title in titles]
    assert measures == ["", *["debiased)"] * 3, *["plain)"] * 3]
    assert titles[3] == "teacher with student,\nafter minus before (debiased)"
    plain = frame.assign(cka=frame["cka"] + 0.2 * (frame["comparison"] == "teacher~student-after"))
    assert similarity.matrix(plain, line, "difference", "cka")[1].round(9).tolist() == [0.3] * 4
    assert similarity.choose_panels(frame.assign(cka=float("nan")))[-1][0][1] == "cka_debiased"


def test_the_students_own_layers_stand_above_those_with_the_teacher() -> None:
    frame = fabricated.similarity_table()
    itself = frame[frame["comparison"] == "student-before~student-after"]
    more = [itself.assign(comparison=f"student-{when}~student-{when}") for when in ("before", "after")]
    figure = registry.draw("similarity", {"similarity": pd.concat([frame, *more])})
    figure.canvas.draw()
    places = [(round(axes.get_position().x0, 2), round(axes.get_position().y0, 2)) for axes in panels(figure)]
    assert len(places) == 9 and len({y for _, y in places}) == 3 and len({x for x, _ in places}) == 3
    assert panels(figure)[3].get_title() == "teacher with student,\nbefore (debiased)"


def test_what_is_measured_before_serves_every_method() -> None:
    frame = fabricated.similarity_table(methods=("semalign", "sft"))
    before = frame["comparison"] == "teacher~student-before"
    frame = frame[~(before & (frame["method"] == "sft"))].copy()
    frame.loc[frame["comparison"] == "teacher~student-before", "method"] = float("nan")
    lines = similarity.choose_lines(frame)
    assert [line[2] for line in lines] == ["semalign", "sft"]
    assert similarity.matrix(frame, lines[1], "difference")[1].round(9).tolist() == [0.1] * 4


def test_of_many_similarities_the_method_under_study_stays() -> None:
    lines = similarity.choose_lines(MANY["similarity"])
    assert len(lines) == 8 - 4 and {line[2] for line in lines} == {"semalign"}


def test_a_legend_fits_into_a_narrow_figure() -> None:
    figure = registry.draw("attribution", ONE)
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1


def test_unknown_figures_and_missing_tables_are_user_errors() -> None:
    with pytest.raises(UserError, match=r"figure: found 'pie', expected one of .*scores"):
        registry.draw("pie", tables())
    with pytest.raises(UserError, match="figure scores: table 'main'"):
        registry.draw("scores", {})


def test_names_are_spelt_for_readers() -> None:
    assert style.spell("sft-all-layers") == "SFT all layers"
    assert style.spell("mixture/gsm8k") == "GSM8K (in the mixture)"
    assert style.spell("1e-05") == "1e-05"
    assert style.spell("llama2-13b~llama2-7b") == "Llama 2 13b → Llama 2 7b"
    assert style.wrap("a" * 30, 22) == "a" * 22 + "\n" + "a" * 8


@pytest.mark.slow
def test_the_registry_is_light_and_drawing_needs_no_pyplot() -> None:
    code = (
        "import sys; from semalign.report.figures import registry; assert 'matplotlib' not in sys.modules;"
        "import fabricated_tables as f; registry.draw('similarity', {'similarity': f.similarity_table()});"
        "registry.draw('scores', {'main': f.main_table()}); assert 'matplotlib.pyplot' not in sys.modules;"
        "assert 'torch' not in sys.modules"
    )
    support = Path(fabricated.__file__).parent
    ended = subprocess.run([sys.executable, "-c", code], cwd=support, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
