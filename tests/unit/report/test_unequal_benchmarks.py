"""Methods that are trained on some benchmarks only are not compared with means over others; odd titles are printed."""

import html

import fabricated_analyses as analyses
import fabricated_tables as fabricated
import pandas as pd
import pytest
from nbconvert.filters.markdown import markdown2html
from test_sentences import NAN, main_table, of

from semalign.report import sentences
from semalign.report.figures.registry import draw
from semalign.report.figures.style import spell
from semalign.report.levels import Levels
from semalign.report.names import titled
from semalign.report.sentences.compute import means_where_trained
from semalign.report.templating import plain

ODD = r"a|b <b>x</b> *y* $x_{1$ & `c` [d](e) \alpha"


def test_the_best_on_average_is_one_of_those_on_all_benchmarks() -> None:
    both = [("facts", 6.0, 0.01), ("completion", 6.0, 0.01)]
    said = sentences.helps(of(main=main_table(sft=both, kd=both[:1], rung=[("facts", 20.0, 0.01)])))
    assert "3 of 3 methods score higher than the student on at least one benchmark." in said
    assert "The best on average: **SFT**" in said
    same = [(name, 0.0, 0.9) for name, _, _ in both]
    said = sentences.helps(of(main=main_table(sft=same, rung=[("facts", 20.0, 0.01)])))
    assert "1 of 2 methods scores higher than the student on at least one benchmark." in said
    assert "The best: **rung**, higher, +20.0" in said and "(tested on facts alone)" in said


def test_no_share_of_a_gain_is_of_another_benchmarks_gain() -> None:
    cell = dict.fromkeys(("alone_flops", "whole_flops", "alone_seconds", "whole_seconds"), 1.0)
    rows = [
        ("sft", "facts", 2.0),
        ("sft", "completion", 8.0),
        ("kd", "facts", 3.0),
        ("kd", "completion", 1.0),
    ]
    rows.append(("rung", "completion", 9.0))
    table = pd.DataFrame(
        [
            {"pair": "p", "method": name, "benchmark": at, "difference": gain, **cell}
            for name, at, gain in rows
        ]
    )
    assert means_where_trained(table, "sft")["difference"].to_dict() == {"sft": 5.0, "kd": 2.0}
    partly = table.assign(whole_flops=[1.0, 1.0, 1.0, None, 1.0])
    assert means_where_trained(partly, "sft")["whole_flops"].isna().to_dict() == {"sft": False, "kd": True}
    assert means_where_trained(table, "rung")["difference"].to_dict() == {"sft": 8.0, "kd": 1.0, "rung": 9.0}
    assert means_where_trained(table, "none").empty


def test_the_lowest_divergence_is_a_mean_over_all_benchmarks_and_so_is_the_students() -> None:
    table = analyses.agreement_table()
    lowest = table["teacher_kl"].min()
    rung = table[(table["method"] == "semalign") & (table["benchmark"] == table["benchmark"].iloc[0])]
    with_rung = pd.concat([table, rung.assign(method="rung", teacher_kl=lowest - 1)])
    said, before = (sentences.agreement(of(agreement=frame)) for frame in (with_rung, table))
    assert "the lowest mean is that of **rung**" not in said
    assert said.partition("the lowest mean")[2] == before.partition("the lowest mean")[2] != ""


def test_characters_of_a_title_are_printed_on_pages_and_in_figures() -> None:
    with titled({"sft": ODD}):
        page = markdown2html(f"**{plain('sft')}**")
        assert html.unescape(page).strip() == f"<p><strong>{ODD}</strong></p>"
        assert "<b>" not in page
        assert spell("sft") == ODD.replace("$", r"\$")


@pytest.mark.parametrize("name", ["scores", "gap_closed"])
def test_a_figure_is_drawn_with_a_title_that_looks_like_mathematics(name: str) -> None:
    levels = Levels(titles={"sft": ODD})
    with titled(levels.titles):
        figure = draw(name, of(levels, main=fabricated.main_table(benchmarks=("facts",))))
        figure.draw_without_rendering()
    texts = [
        text.get_text().replace("\n", " ") for text in figure.findobj(lambda part: hasattr(part, "get_text"))
    ]
    assert any("x_{1" in text for text in texts)


def test_a_fixed_rate_is_marked_on_the_page_of_the_study() -> None:
    from semalign.report.index import _main

    main = main_table(student=[("facts", 0, NAN)], sft=[("facts", 6, 0.01)], kd=[("facts", 6, 0.01)])
    costs = fabricated.cost_table(("student", "sft", "kd"))
    costs = costs.assign(searched=costs["method"].map({"student": NAN, "sft": 1, "kd": 0}))
    [table] = _main(of(main=main, costs=costs))
    assert "KD (fixed learning rate)" in table["html"] and "SFT (fixed learning rate)" not in table["html"]
