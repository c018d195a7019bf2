"""Sentences about the mechanism, likeness to the teacher, and layers."""

import fabricated_analyses as analyses
import fabricated_tables as fabricated
import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from semalign.report import sentences
from semalign.report.levels import STANDARD
from semalign.report.reading import Tables
from semalign.report.relation import rank_correlation
from semalign.report.sentences import NOT_MEASURED


def of(method: str = "semalign", **tables: pd.DataFrame) -> Tables:
    """Tables of a study with one method."""
    main = fabricated.main_table(methods=("student", "teacher", method))
    return Tables({"main": main, **tables}, STANDARD)


def test_the_critical_layer_and_who_agrees() -> None:
    frame = analyses.attribution_table(("facts", "completion"))
    said = sentences.attribution(of(attribution=frame))
    assert f"The critical teacher layer is 2 on facts (share {100 * frame['share'][1]:.0f} % [" in said
    assert "equal shares would be 25 %." in said
    assert said.endswith(
        "`granularity = sublayer` 2 of 2, `reduction = signed` 2 of 2, `score = random` 0 of 2."
    )
    assert sentences.attribution(of(attribution=frame[frame["name"] != "default"])) == NOT_MEASURED


def test_pairings_that_change_nothing_are_told() -> None:
    assert sentences.pairing(of(pairing=analyses.pairing_table(("facts",)))) == (
        "By default, student layer 3 is paired with teacher layer 4. Other layers or weights: `interpolate = false`, "
        "`pairs = 2`. The same pairs, so that nothing changes: `rule = cka`."
    )
    mixed = sentences.pairing(of(pairing=analyses.pairing_table(("facts",), {"default": 2})))
    assert (
        "layer 2 is paired with teacher layer 2 (33 %) and 3 (67 %), 3 is paired with teacher layer 4."
        in mixed
    )


def test_each_loss_is_told_from_its_first_to_its_last_tenth() -> None:
    frame = analyses.curve_table(steps=20)
    said = sentences.curves(of(curves=frame))
    assert "(mean of 8 runs), the layer loss goes from" in said and "(it falls in 8 of 8 runs)" in said
    rows = frame[frame["method"] == "sft"]
    ends = [rows.loc[rows["step"].isin(steps), "loss"].mean() for steps in ((1, 2), (19, 20))]
    assert f"goes from {ends[0]:.3f} to {ends[1]:.3f}" in sentences.curves(of("sft", curves=frame))
    rising = frame.assign(step=21 - frame["step"])
    assert "it falls in 0 of 8 runs" in sentences.curves(of("sft", curves=rising))
    assert sentences.curves(of("laten", curves=frame)) == NOT_MEASURED


@pytest.mark.parametrize(("relation", "answer"), [(-1.0, "more"), (1.0, "less")])
def test_the_correlation_answers_whether_closer_is_more_alike(relation: float, answer: str) -> None:
    near, seeds = analyses.geometry_tables(relation)
    said = sentences.closer(of(geometry=near, seeds=seeds))
    assert (
        said.count(
            f"A student closer to the target is {answer} like the teacher by KL from the teacher and top-1"
        )
        == 2
    )
    assert (
        "On facts, 7 of 7 trained variants are closer to the paper's target than the untouched student"
        in said
    )
    assert f"{7 if relation < 0 else 0} of those also have a lower KL" in said


def test_without_a_relation_none_is_claimed() -> None:
    near, seeds = analyses.geometry_tables()
    keys = list(dict.fromkeys(seeds[["method", "variant"]].itertuples(index=False, name=None)))
    kl = dict(zip(keys, [0.5, 0.3, 0.6, 0.2, 0.61, 0.31, 0.5, 0.21], strict=False))
    seeds["teacher_kl"] = [kl[key] for key in seeds[["method", "variant"]].itertuples(index=False, name=None)]
    seeds["teacher_agreement"] = 100 - 50 * seeds["teacher_kl"]
    assert "No relation between closeness" in sentences.closer(of(geometry=near, seeds=seeds))
    few = near["method"].isin(["student", "semalign"]) & (near["variant"] == "default")
    assert "too few variants" in sentences.closer(of(geometry=near[few], seeds=seeds))
    opposed = seeds.assign(teacher_agreement=seeds["teacher_kl"] * 100)
    ranked, other = analyses.geometry_tables(-1.0)
    mixed = other.assign(teacher_agreement=other["teacher_kl"] * 100)
    assert "The answer is mixed" in sentences.closer(of(geometry=ranked, seeds=mixed))
    assert "No relation" in sentences.closer(of(geometry=near, seeds=opposed))


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


def test_agreement_is_judged_by_its_uncorrected_intervals() -> None:
    said = sentences.agreement(of(agreement=analyses.agreement_table(("facts",))))
    assert (
        "KL divergence from the teacher: −0.100 [−0.120, −0.080] nats per token (uncorrected interval below zero)"
        in said
    )
    assert "top-1 token: +5.0 [+4.0, +6.0] points (uncorrected interval above zero)" in said
    assert (
        "Of 3 methods and controls, the interval of the change of KL is below zero for 3 and above zero for 0"
        in said
    )
    away = sentences.agreement(of(agreement=analyses.agreement_table(("facts",), gain=-0.1)))
    assert "teacher: +0.100" in away and "token: −5.0" in away
    none = sentences.agreement(of(agreement=analyses.agreement_table(("facts",), gain=0.01)))
    assert none.count("interval contains zero") == 2
    several = sentences.agreement(
        of(agreement=analyses.agreement_table(("facts", "mixture", "mixture/facts")))
    )
    assert "−0.100 nats per token on 2 of 2 (uncorrected intervals below zero)" in several
    without = analyses.agreement_table(("facts",), methods=("student", "laten"))
    assert "**LaTen** against the student" in sentences.agreement(of(agreement=without))


def test_what_crosses_is_judged_against_a_random_map() -> None:
    said = sentences.crossing(of(crossing=analyses.crossing_table()))
    assert "in 80.0 % [78.0, 82.0] of positions with the best map (`pinv`)" in said
    assert "5.0 % [3.0, 7.0] with a random one. So the paper's map carries predictions" in said
    assert said.endswith("which the comparison with the random maps answers.")
    same = analyses.crossing_table().assign(top1_low=0.0, top1_high=1.0)
    assert "carries no more than chance" in sentences.crossing(of(crossing=same))
    alone = analyses.crossing_table(("dual",))
    assert "paper" not in sentences.crossing(of(crossing=alone))


def test_similarity_counts_the_pairs_of_layers_that_rise() -> None:
    said = sentences.similarity(of(similarity=fabricated.similarity_table()))
    assert "changes by +0.033 on average (plain CKA: +0.033) and rises in 4 of 12 pairs" in said
    assert "student layer 1 on facts, from 0.30 to 0.40." in said
    # the method under study was not measured: the first one that was
    assert sentences.similarity(of("sft", similarity=fabricated.similarity_table())) == said
    table = fabricated.similarity_table(methods=("distill-logits", "sft"))
    assert "**distill logits**" in sentences.similarity(of(similarity=table))
    before = table[table["comparison"] == "teacher~student-before"]
    assert sentences.similarity(of(similarity=before)) == NOT_MEASURED
