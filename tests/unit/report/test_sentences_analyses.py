"""Sentences about the mechanism, likeness to the teacher, parts of a mixture, and costs."""

import fabricated_analyses as analyses
import fabricated_tables as fabricated
import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from semalign.report import display, sentences
from semalign.report.levels import STANDARD
from semalign.report.relation import rank_correlation


def test_the_critical_layer_and_who_agrees() -> None:
    frame = analyses.attribution_table(("facts", "completion"))
    said = sentences.attribution(frame)
    share = 100 * frame["share"][1]
    assert f"The critical teacher layer is 2 on facts (share {share:.0f} % [" in said
    assert "equal shares would be 25 %" in said
    assert said.endswith(
        "name the same layer: granularity = sublayer 2 of 2, reduction = signed 2 of 2 and score = random 0 of 2."
    )
    assert "No teacher layer" in sentences.attribution(frame[frame["name"] != "default"])


def test_pairings_that_differ_by_nothing_are_told() -> None:
    frame = analyses.pairing_table(("facts",))
    assert sentences.pairing(frame) == (
        "By default, student layer 3 answers to teacher layer 4 on facts. Other layers, or other weights, are paired "
        "with interpolate = false and pairs = 2. The same are paired with rule = cka, so that these variants differ "
        "by nothing."
    )
    two = analyses.pairing_table(("facts", "mixture"), {"default": 1})
    assert "teacher layer 4 on facts and mixture." in sentences.pairing(two)
    mixed = analyses.pairing_table(("facts",), {"default": 2})
    assert (
        "layer 2 answers to teacher layer 2 (33 %) and 3 (67 %) and student layer 3 answers"
        in sentences.pairing(mixed)
    )


def test_each_loss_is_told_from_its_first_to_its_last_tenth() -> None:
    frame = analyses.curve_table(steps=20)
    said = sentences.curves(frame, "semalign")
    assert "mean of 8 trainings, the layer term goes from" in said and "it falls in all 8 trainings" in said
    rows = frame[(frame["method"] == "sft")]
    ends = [rows.loc[rows["step"].isin(steps), "loss"].mean() for steps in ((1, 2), (19, 20))]
    assert f"goes from {ends[0]:.3f} to {ends[1]:.3f}" in sentences.curves(frame, "sft")
    rising = frame.assign(step=21 - frame["step"])
    assert "it falls in none of 8 trainings" in sentences.curves(rising, "sft")
    assert "were not recorded" in sentences.curves(frame, "laten")


@pytest.mark.parametrize(
    ("relation", "answer"),
    [
        (-1.0, "So a student nearer in space is more like the teacher, by both measures."),
        (1.0, "So a student nearer in space is less like the teacher, by both measures."),
    ],
)
def test_the_correlation_answers_whether_nearer_is_more_alike(relation: float, answer: str) -> None:
    near, seeds = analyses.geometry_tables(relation)
    said = sentences.closer(near, seeds, "semalign", levels=STANDARD)
    assert answer in said and "There, a student nearer" in said
    lower = 7 if relation < 0 else 0
    assert "all 7 trained variants stand nearer to the paper's target than the untouched student" in said
    assert f"(centred cosine 0.000), and of those {lower} also have a lower KL" in said


def test_without_a_relation_the_answer_is_none() -> None:
    near, seeds = analyses.geometry_tables()
    order = [0.5, 0.1, 0.4, 0.45, 0.2, 0.35, 0.15, 0.6]
    kl = dict(
        zip(
            seeds[["method", "variant"]].drop_duplicates().itertuples(index=False, name=None),
            order,
            strict=True,
        )
    )
    seeds["teacher_kl"] = [kl[key] for key in seeds[["method", "variant"]].itertuples(index=False, name=None)]
    seeds["teacher_agreement"] = 100 - 50 * seeds["teacher_kl"]
    said = sentences.closer(near, seeds, "sft", levels=STANDARD)
    assert "no relation between nearness in space and likeness to the teacher can be seen" in said
    few = near["method"].isin(["student", "semalign"]) & (near["variant"] == "default")
    assert "too few variants" in sentences.closer(near[few], seeds, "semalign", levels=STANDARD)
    assert "was not measured" in sentences.closer(near.iloc[:0], seeds, "semalign", levels=STANDARD)


def test_the_rank_correlation_is_spearmans_and_its_interval_covers() -> None:
    numbers = np.random.default_rng(3)
    frame = pd.DataFrame(numbers.normal(size=(40, 2)), columns=["x", "y"])
    found = rank_correlation(frame, "x", "y", levels=STANDARD)
    assert found.estimate == pytest.approx(spearmanr(frame["x"], frame["y"]).statistic)
    assert found == rank_correlation(frame, "x", "y", levels=STANDARD)
    hits, truth = 0, 6 / np.pi * np.arcsin(0.6 / 2)  # Spearman's for a normal pair of correlation 0.6
    for _ in range(50):
        x, noise = numbers.normal(size=(2, 60))
        drawn = rank_correlation(
            pd.DataFrame({"x": x, "y": 0.6 * x + 0.8 * noise}), "x", "y", levels=STANDARD
        )
        hits += drawn.low <= truth <= drawn.high
    assert hits >= 43
    flat = pd.DataFrame({"x": range(9), "y": 1.0})
    assert pd.isna(rank_correlation(flat, "x", "y", levels=STANDARD).estimate)


def test_agreement_is_told_by_the_intervals() -> None:
    said = sentences.agreement(analyses.agreement_table(("facts", "mixture", "mixture/facts")), "semalign")
    assert (
        "the KL divergence from the teacher (change from the student in nats a token) falls on all 2 benchmarks "
        "(facts −0.100 [−0.120, −0.080], mixture −0.100" in said
    )
    assert (
        "top-1 token (change from the student in points) rises on all 2 benchmarks (facts +5.0 [+4.0" in said
        and "mixture/facts" not in said
    )
    away = sentences.agreement(analyses.agreement_table(("facts",), gain=-0.1), "semalign")
    assert "nats a token) rises on the one benchmark (facts +0.100" in away
    assert "points) falls on the one benchmark (facts −5.0" in away
    none = sentences.agreement(analyses.agreement_table(("facts",), gain=0.01), "semalign")
    assert none.count(") does not detectably change on the one benchmark (facts") == 2
    assert "was not measured" in sentences.agreement(analyses.agreement_table(), "laten")
    assert "lowest mean KL" in sentences.nearest(analyses.agreement_table())


def test_parts_of_a_mixture_are_told_apart() -> None:
    assert sentences.parts(analyses.part_table(), "semalign") == (
        "Trained on the mixture, **semalign** is above the student on 1 of 2 parts (facts +4.0 [+2.5, +5.5]) and "
        "below it on 1 of 2 parts (arithmetic −2.0 [−3.5, −0.5]); differences in points, with intervals that are not "
        "corrected for several tests."
    )
    assert "No mixture" in sentences.parts(analyses.part_table().iloc[:0], "semalign")
    shown = display.part_table(analyses.part_table())
    assert shown.columns.tolist() == ["method", "facts (in the mixture)", "arithmetic (in the mixture)"]
    assert shown.iloc[2].tolist() == ["semalign", "44.0 (+4.0 [+2.5, +5.5])", "38.0 (−2.0 [−3.5, −0.5])"]


def test_what_crosses_is_judged_against_a_random_map() -> None:
    said = sentences.crossing(analyses.crossing_table())
    assert "in 80.0 % [78.0, 82.0] of positions with the best map (**pinv**)" in said
    assert (
        "5.0 % [3.0, 7.0] with a random one; so the paper's map carries what the vocabulary shares." in said
    )
    same = analyses.crossing_table().assign(top1_low=0.0, top1_high=1.0)
    assert "carries no more than chance" in sentences.crossing(same)


def test_cost_and_gain_name_who_gains_more_for_less() -> None:
    costs, comparisons = fabricated.cost_table(fabricated.METHODS), analyses.comparison_table()
    costs.loc[costs["method"] == "semalign", "search_seconds"] = 1.0
    said = sentences.gain(costs, comparisons, "sft")
    assert "takes 13.5 s" in said and "for differences of −2.0 to −2.0 points" in said
    assert "stands on all 2 benchmarks (facts, completion): semalign." in said
    assert "stands on none of 2 benchmarks." in sentences.gain(costs, comparisons, "semalign")
    assert "is not known" in sentences.gain(costs, comparisons, "laten")
