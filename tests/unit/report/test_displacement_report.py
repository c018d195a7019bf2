"""Displacement and gain: the figure, the sentence, and the rank correlations behind them."""

import fabricated_analyses as analyses
import fabricated_tables as fabricated
import pandas as pd
import pytest
from figure_panels import panels
from scipy.stats import spearmanr

from semalign.report import sentences
from semalign.report.displaced import ceiling, displaced, nearness_predicts, predicts
from semalign.report.figures import registry
from semalign.report.figures.labels import label_dots
from semalign.report.figures.style import blank
from semalign.report.levels import STANDARD
from semalign.report.names import titled
from semalign.report.reading import Tables
from semalign.report.sentences import NOT_MEASURED


def tables(*pair: pd.DataFrame, **more: pd.DataFrame) -> Tables:
    moved, gains = pair
    main = fabricated.main_table()
    return Tables({"main": main, "displacement": moved, "comparisons": gains, **more}, STANDARD)


def test_variants_are_means_over_seeds_and_have_their_gain() -> None:
    moved, gains = analyses.displacement_tables()
    moved.loc[moved["seed"] == 1, "cosine"] += 0.1
    table = displaced(moved, gains)
    own = table[(table["method"] == "semalign") & (table["variant"] == "default")].set_index("kind")
    assert own.loc["achieved", "cosine"] == pytest.approx(0.1) and own.loc["target", "cosine"] == 0.05
    assert own.loc["achieved", ["gain", "gain_low", "gain_high"]].tolist() == pytest.approx([0.5, -0.5, 1.5])
    assert table.loc[table["itself"], "method"].tolist() == ["sft"]
    assert "student" not in set(table["method"])


def test_the_correlation_is_spearmans_without_the_reference() -> None:
    moved, gains = analyses.displacement_tables()
    gains["difference"] = [3.0, 99.0, 1.0, 4.0, 2.0, 7.0, 5.0]
    found = predicts(displaced(moved, gains), "achieved", STANDARD)
    cosines, rest = [0.05, 0.15, 0.2, 0.25, 0.3, 0.35], [3.0, 1.0, 4.0, 2.0, 7.0, 5.0]
    assert found.estimate == pytest.approx(spearmanr(cosines, rest).statistic) and found.variants == 6
    assert found.low < found.estimate < found.high


def test_one_training_under_two_names_counts_once() -> None:
    moved, gains = analyses.displacement_tables()
    once = predicts(displaced(moved, gains), "achieved", STANDARD)
    copies = [table[table["method"] == "semalign"].assign(method="rung") for table in (moved, gains)]
    twice = displaced(*(pd.concat([own, copy]) for own, copy in zip((moved, gains), copies, strict=True)))
    assert (twice["method"] == "rung").any() and predicts(twice, "achieved", STANDARD) == once


def test_the_ceiling_needs_two_seeds() -> None:
    top = ceiling(analyses.displacement_tables()[0])
    assert (top.method, top.known) == ("sft", True)
    assert (top.cosine, top.low, top.high) == pytest.approx((0.6, 0.59, 0.61))
    assert not ceiling(analyses.displacement_tables(seeds=1)[0]).known


def test_nearness_is_compared_over_the_same_variants() -> None:
    moved, gains = analyses.displacement_tables()
    near, seeds = analyses.geometry_tables()
    few = near[near["variant"].isin(["default", "label_loss~kl"])]
    found = nearness_predicts(displaced(moved, gains), few, seeds, STANDARD)
    assert found.variants == 3  # semalign, one variant of it, sft-all-layers


@pytest.mark.parametrize(
    ("relation", "answer"),
    [
        (
            1.0,
            "Where training moved the states: yes, methods that move them like the reference gain more (rank ",
        ),
        (
            -1.0,
            "Where training moved the states: no, methods that move them like the reference even gain less (rank",
        ),
    ],
)
def test_the_sentence_says_whether_the_direction_predicts(relation: float, answer: str) -> None:
    said = sentences.displacement(tables(*analyses.displacement_tables(relation)))
    assert said.startswith(
        "On facts, two seeds of **SFT** move the states with a cosine of +0.60 [+0.59, +0.61],"
    )
    asked = "The displacements that the targets of **SemAlign** ask for have a cosine of +0.05 [+0.04, +0.06] with it"
    assert f"{asked}; those that training achieves, +0.05" in said
    assert answer in said and "over 6 variants" in said
    assert "Nearness" not in said and "  " not in said


def test_an_undecided_relation_and_too_few_variants_are_said() -> None:
    moved, gains = analyses.displacement_tables()
    gains["difference"] = [3.0, 99.0, 1.0, 4.0, 2.0, 3.0, 1.0]
    near, seeds = analyses.geometry_tables()
    said = sentences.displacement(tables(moved, gains, geometry=near, seeds=seeds))
    assert "not measurably (rank correlation" in said and "; the interval contains zero)." in said
    assert "Nearness to the paper's target, over the same variants:" in said
    few = sentences.displacement(tables(*analyses.displacement_tables(variants=(), seeds=1)))
    assert "**SFT** has one seed, so that no ceiling is known." in few
    assert "with 2 variants there are too few to say." in few and "with 1 variant there" in few
    assert sentences.displacement(tables(moved.iloc[:0], gains)) == NOT_MEASURED


def test_each_pair_has_two_panels_with_the_ceiling_as_a_band() -> None:
    moved, gains = analyses.displacement_tables()
    figure = registry.draw("displacement", {"displacement": moved, "comparisons": gains})
    achieved, asked = panels(figure)
    assert achieved.get_title().endswith("rank correlation +1.00 [+1.00, +1.00], 6 variants")
    assert asked.get_title().endswith("5 variants")
    for axes in (achieved, asked):
        (band,) = axes.patches
        assert [band.get_x(), band.get_x() + band.get_width()] == pytest.approx([0.59, 0.61])
    names = [text.get_text() for text in achieved.texts]
    assert names == ["SemAlign", "SFT", "SFT all layers"]
    assert [text.get_text() for text in asked.texts] == ["SemAlign"]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["untouched student", "ceiling: two seeds of SFT", "open: a variant"]


def test_names_cover_neither_dots_nor_each_other() -> None:
    figure = blank(5.0, 4.0)
    axes = figure.subplots()
    dots = [
        (0.5, 0.5, "first of all", "k"),
        (0.52, 0.5, "second", "k"),
        (0.5, 0.53, "third", "k"),
        (0.99, 0.1, "last", "k"),
    ]
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.plot([x for x, *_ in dots], [y for _, y, *_ in dots], "o", markersize=5)
    label_dots(axes, dots, (4.2, 3.2))
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not [1 for i, one in enumerate(boxes) for other in boxes[:i] if one.overlaps(other)]
    spots = axes.transData.transform([dot[:2] for dot in dots])
    assert not [1 for box in boxes for spot in spots if box.contains(*spot)]
    assert boxes[-1].x1 <= axes.get_window_extent().x1


def test_no_ceiling_is_in_the_legend_of_a_single_seed_and_long_names_are_cut() -> None:
    moved, gains = analyses.displacement_tables(seeds=1)
    with titled({"semalign": "x" * 60}):
        figure = registry.draw("displacement", {"displacement": moved, "comparisons": gains})
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["untouched student", "open: a variant"]
    names = [text.get_text() for axes in panels(figure) for text in axes.texts]
    assert "x" * 29 + "…" in names and max(map(len, names)) == 30


def test_variants_of_the_same_gain_are_not_too_few() -> None:
    moved, gains = analyses.displacement_tables()
    said = sentences.displacement(tables(moved, gains.assign(difference=1.0)))
    assert "undefined: the 6 variants have the same gain, or the same cosine." in said
    assert "too few" not in said
