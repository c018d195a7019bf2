"""Tables for readers: printed names, numbers with intervals, marks from the verdicts."""

import fabricated_analyses as analyses
import fabricated_tables as fabricated
import pandas as pd
import pytest
from test_sentences import NAN, main_table, of

from semalign.report import display
from semalign.report.levels import Levels

TABLES = [name for name in dir(display) if name.endswith("_table")]


def test_the_score_table_keeps_order_and_marks_differences() -> None:
    main = main_table(
        student=[("z", 0, NAN), ("a", 0, NAN)], sft=[("z", 6, 0.01), ("a", -6, 0.01)], kd=[("z", 6, 0.2)]
    )
    main.loc[main["method"] == "kd", "paper"] = 41.5
    shown = display.score_table(of(main=main))
    assert shown.columns.tolist() == ["method", "z", "a"]
    assert shown.to_numpy().tolist() == [
        ["student", "30.0 [26.0, 34.0]", "30.0 [26.0, 34.0]"],
        ["SFT", "36.0 [32.0, 40.0] ▲", "24.0 [20.0, 28.0] ▼"],
        ["KD", "36.0 [32.0, 40.0] (paper 41.5)", ""],
    ]
    two = display.score_table(of(main=pd.concat([main, main.assign(pair="other")])))
    assert two[["pair", "method"]].to_numpy().tolist()[2:4] == [["tiny", "KD"], ["other", "student"]]
    strict = display.score_table(of(Levels(alpha=0.001), main=main))
    assert "▲" not in strict.to_string() and "▼" not in strict.to_string()
    named = display.score_table(of(Levels(titles={"kd": "Hinton"}), main=main))
    assert named["method"].tolist() == ["student", "SFT", "Hinton"]


def test_a_contrast_and_a_variant_show_their_differences() -> None:
    shown = display.contrast_table(of(contrasts=fabricated.contrast_table()))
    assert shown.iloc[0].tolist() == ["SemAlign − SFT", "−4.0 [−7.0, −1.0]", "−8.0 [−11.0, −5.0] ▼"]
    frame = fabricated.ablation_table({"map": ["pinv", "random", "none"]}, ("facts",))
    shown = display.ablation_table(of(ablations=frame))
    assert shown["setting"].tolist() == ["map = random", "map = none"]
    assert [text.partition(" ")[2] for text in shown["facts"]] == ["(−2.0)", "(−4.0) ▼"]


def test_costs_searches_and_detectable_differences() -> None:
    shown = display.cost_table(of(costs=fabricated.cost_table()))
    assert shown["training (s) [least, most]"].tolist() == ["", "3.0 [1.0, 5.0]"]
    assert shown["trainable parameters"].tolist() == ["0", "19,000"]
    shown = display.detectable_table(of(detectable=fabricated.detectable_table()))
    assert shown.iloc[0].tolist() == ["facts", "student", 150, 3, "7.0", "11.0"]
    shown = display.search_table(of(search=fabricated.search_table()))
    assert shown.to_numpy().tolist() == [
        ["SemAlign", "0.001*: 41.0 [30.0, 50.0]"],
        ["SFT", "0.01: 41.0 [30.0, 50.0]"],
    ]


def test_other_settings_idle_choices_and_fixed_rates_are_shown() -> None:
    shown = display.search_table(of(search=fabricated.widened_search_table()))
    assert shown.to_numpy().tolist() == [
        ["SFT", "0.01: 44.0 [34.0, 54.0]"],
        ["SemAlign", "0.1: 44.0 [34.0, 54.0]"],
        ["Seeking", "0.0001*: 45.0 [35.0, 55.0]"],
        ["KD", "0.01, rank = 4: 40.0 [30.0, 50.0]†"],
    ]
    costs = fabricated.cost_table(("student", "sft", "semalign"))
    both = costs.assign(searched=[NAN, NAN, 0, 0, 1, 1])
    assert display.cost_table(of(costs=both))["learning rate"].tolist() == ["", "fixed", "searched"]
    assert "learning rate" not in display.cost_table(of(costs=costs.assign(searched=1.0)))
    main = main_table(student=[("a", 0, NAN)], sft=[("a", 6, 0.01)], semalign=[("a", 6, 0.01)])
    names = ["student", "SFT (fixed learning rate)", "SemAlign"]
    assert display.score_table(of(main=main, costs=both))["method"].tolist() == names
    assert display.score_table(of(main=main, costs=costs.assign(searched=0)))["method"].tolist()[1] == "SFT"


def test_likeness_parts_and_heads() -> None:
    shown = display.agreement_table(of(agreement=analyses.agreement_table(("facts", "mixture/facts"))))
    assert shown.columns.tolist() == ["method", "KL (nats per token)", "top-1 agreement (%)"]
    assert shown.iloc[2].tolist()[1:] == ["0.300 (−0.100 [−0.120, −0.080]) ▼", "90.0 (+5.0 [+4.0, +6.0]) ▲"]
    shown = display.part_table(of(parts=analyses.part_table()))
    assert shown.columns.tolist()[1:] == ["facts", "arithmetic"]
    assert shown.iloc[2].tolist() == ["SemAlign", "44.0 (+4.0 [+2.5, +5.5]) ▲", "38.0 (−2.0 [−3.5, −0.5]) ▼"]
    shown = display.head_table(of(head=fabricated.head_table()))
    assert shown.iloc[0].tolist() == ["SmolLM2", "output", "no", "19.0 [17.1, 19.0]", "0.700"]


@pytest.mark.parametrize("name", TABLES)
def test_a_missing_table_has_no_rows(name: str) -> None:
    assert getattr(display, name)(of()).empty
    assert display.as_markdown(getattr(display, name)(of())) == ""
