"""Sentences about compute: who reaches most of a baseline's gain for less, and which contrasts are equal."""

import fabricated_analyses as analyses
import fabricated_tables as fabricated
import pandas as pd

from semalign.report import display, sentences
from semalign.report.levels import STANDARD
from semalign.report.reading import Tables
from semalign.report.templating import NOT_MEASURED

METHODS = ("student", "semalign", "sft")


def of(**tables: pd.DataFrame) -> Tables:
    """Tables of a study with the usual levels."""
    return Tables(tables, STANDARD)


def costs(**flops: float) -> pd.DataFrame:
    """Costs with the given operations of a training; signals have 1e9."""
    table = fabricated.cost_table(METHODS).assign(signal_flops=1e9)
    return table.assign(train_flops=table["method"].map(flops))


def gains(**points: float) -> pd.DataFrame:
    """Gains of the methods over the student, with the same on both benchmarks."""
    table = analyses.comparison_table()
    return table[table["method"].isin(list(points))].assign(difference=lambda own: own["method"].map(points))


def test_a_method_that_reaches_most_of_the_gain_for_less_is_named() -> None:
    said = sentences.compute(
        of(costs=costs(semalign=1e9, sft=9e9), comparisons=gains(semalign=9.0, sft=10.0))
    )
    assert said.startswith("- Of the gain of **SFT** (+10.0 points on average), with fewer operations: ")
    assert "**SemAlign** reaches 90 % with 20 % of its operations" in said
    assert "signals included (11 % and 100 % without)" in said


def test_equal_compute_or_too_little_gain_is_not_named() -> None:
    for tables in (
        of(costs=costs(semalign=8e9, sft=9e9), comparisons=gains(semalign=9.0, sft=10.0)),
        of(costs=costs(semalign=1e9, sft=9e9), comparisons=gains(semalign=7.0, sft=10.0)),
    ):
        said = sentences.compute(tables)
        assert said.startswith(
            "- No method with fewer operations than **SFT** (by more than a factor of 1.25"
        )
        assert said.endswith("reaches 80 % of its gain (+10.0 points on average).")


def test_nothing_is_said_without_operations_or_without_a_gain_of_the_baseline() -> None:
    comparisons = gains(semalign=9.0, sft=10.0)
    old = fabricated.cost_table(METHODS).drop(columns=["train_flops", "signal_flops"])
    assert sentences.compute(of(costs=old, comparisons=comparisons)) == NOT_MEASURED
    harmful = gains(semalign=9.0, sft=-1.0)
    assert sentences.compute(of(costs=costs(semalign=1e9, sft=9e9), comparisons=harmful)) == NOT_MEASURED
    partly = costs(semalign=1e9, sft=9e9)
    partly.loc[partly.index[-1], "train_flops"] = None
    assert sentences.compute(of(costs=partly, comparisons=comparisons)) == NOT_MEASURED


def test_contrasts_at_equal_compute_are_told_from_others() -> None:
    table = fabricated.contrast_table()
    equal = sentences.equal_compute(of(contrasts=table.assign(flops_ratio=[1.2, 1.0])))
    assert equal.startswith("1 of 1 contrasts is at equal compute")
    assert equal.endswith("Ratios: **SemAlign** against **SFT** (1.00).")
    one_place = sentences.equal_compute(of(contrasts=table.assign(flops_ratio=[1.3, 1.0])))
    assert one_place.startswith("0 of 1 contrasts are at equal compute")
    assert one_place.endswith("Ratios of the others: 1.00 to 1.30.")
    assert sentences.equal_compute(of(contrasts=table)) == NOT_MEASURED


def test_the_costs_of_a_study_are_summed_over_benchmarks() -> None:
    parts = ("signal", "search", "seed", "study", "grid")
    row = {"pair": "tiny", "method": "sft", "trials": 3, "seeds": 3}
    row |= {f"{part}_seconds": 2.0 for part in parts} | {f"{part}_flops": 1.5e12 for part in parts}
    table = pd.DataFrame([row | {"benchmark": name} for name in ("facts", "completion")])
    shown = display.study_cost_table(of(study_costs=table))
    assert shown.columns[1:3].tolist() == ["signals, once (TFLOP)", "search (TFLOP)"]
    assert shown.iloc[0].tolist() == ["SFT", *["3"] * 5, *["4"] * 5]
    table.loc[1, "study_flops"] = None
    assert display.study_cost_table(of(study_costs=table))["all (TFLOP)"].tolist() == [""]
