"""Sentences: the data chooses the words, and every number in them is the data's."""

import fabricated_tables as fabricated
import pandas as pd
import pytest

from semalign.report import display, sentences
from semalign.report.levels import STANDARD
from semalign.report.words import count, listing, p_value, signed, verdict

NAN = float("nan")


def table(**methods: list[tuple[str, float, float]]) -> pd.DataFrame:
    """A main table: method -> (benchmark, difference from the student, p), the student at 30 %."""
    rows = []
    for method, cells in methods.items():
        for benchmark, difference, p in cells:
            row = fabricated.cell("tiny", benchmark, method.replace("_", "-"), 30 + difference, difference)
            rows.append(
                {**row, "vs_student_p": p, "vs_best_baseline": difference - 2, "vs_best_baseline_p": p}
            )
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("difference", "p", "said"),
    [
        (2.0, 0.01, "higher"),
        (-2.0, 0.01, "lower"),
        (9.0, 0.05, "no detectable difference"),
        (0.0, 0.0, "no detectable difference"),
        (2.0, NAN, "not tested"),
        (NAN, 0.01, "not tested"),
    ],
)
def test_the_test_and_the_sign_choose_the_word(difference: float, p: float, said: str) -> None:
    assert verdict(difference, p, levels=STANDARD) == said


def test_small_words() -> None:
    assert [signed(1.24), signed(-1.26), signed(-0.01), signed(0.0)] == ["+1.2", "−1.3", "0.0", "0.0"]
    assert [p_value(0.0), p_value(0.0321), p_value(1.0)] == ["p < 0.001", "p = 0.032", "p = 1"]
    assert [listing([]), listing(["a"]), listing(["a", "b"]), listing(["a", "b", "c"])] == [
        "none",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert [count(k, 4, "benchmark") for k in (0, 1, 4)] == [
        "none of 4 benchmarks",
        "1 of 4 benchmarks",
        "all 4 benchmarks",
    ]
    assert [count(k, 1, "benchmark") for k in (0, 1)] == ["no benchmark", "the one benchmark"]


def test_a_comparison_sorts_benchmarks_by_what_their_tests_say() -> None:
    main = table(semalign=[("a", 3.0, 0.01), ("b", -4.0, 0.0001), ("c", 2.5, 0.2), ("d", 1.0, NAN)])
    assert sentences.compare(main, "semalign", levels=STANDARD) == (
        "**semalign** scores higher than the student on 1 of 4 benchmarks: a (+3.0 points, p = 0.01); "
        "it scores lower than the student on 1 of 4 benchmarks: b (−4.0 points, p < 0.001); "
        "it shows no detectable difference from the student on 1 of 4 benchmarks: c (+2.5 points, p = 0.2); "
        "it is not tested against the student on 1 of 4 benchmarks: d."
    )
    assert sentences.compare(main, "laten", levels=STANDARD) == "**laten** was not scored."


def test_the_best_baseline_is_named_where_it_is_known() -> None:
    main = table(semalign=[("a", 3.0, 0.01)])
    row = {"table": "main", "pair": "tiny", "benchmark": "a", "method": "semalign"}
    comparisons = pd.DataFrame(
        [
            {**row, "against": "best_baseline", "baseline": "sft"},
            {**row, "against": "student", "baseline": "student"},
            {**row, "table": "ablations", "against": "best_baseline", "baseline": "kd"},
        ]
    )
    said = sentences.compare(main, "semalign", "best_baseline", comparisons, levels=STANDARD)
    assert said.endswith(
        "higher than the best baseline on the one benchmark: a (sft, +1.0 points, p = 0.01)."
    )
    assert "a (+1.0 points" in sentences.compare(main, "semalign", "best_baseline", levels=STANDARD)


def test_the_same_numbers_without_significance_change_the_wording() -> None:
    sure = table(student=[("a", 0, NAN)], teacher=[("a", 20, 0.0)], sft=[("a", 6, 0.001)])
    unsure = sure.assign(vs_student_p=0.5)
    on_one = "scores detectably higher than the student on the one benchmark"
    assert on_one in sentences.best_on_average(sure, levels=STANDARD)
    on_none = "scores detectably higher than the student on no benchmark"
    assert on_none in sentences.best_on_average(unsure, levels=STANDARD)
    assert sentences.teacher_above_student(sure, levels=STANDARD) == (
        "The teacher scores higher than the student on the one benchmark (by 20.0 points)."
    )
    assert sentences.teacher_above_student(unsure, levels=STANDARD) == (
        "The teacher scores higher than the student on no benchmark; "
        "there is no detectable gap to close on a."
    )


def test_the_best_on_average_is_the_best_of_means_and_no_reference() -> None:
    main = table(
        student=[("a", 0, NAN), ("b", 0, NAN)],
        teacher=[("a", 30, 0.0), ("b", 10, 0.0)],
        sft=[("a", 9, 0.01), ("b", -9, 0.2)],
        semalign=[("a", 2, 0.3), ("b", 2, 0.3)],
    )
    said = sentences.best_on_average(main, levels=STANDARD)
    assert "that of **semalign**, 32.0 % (student 30.0 %, teacher 50.0 %)" in said
    two = pd.concat([main, main.assign(pair="other")])
    assert sentences.best_on_average(two, levels=STANDARD).count("highest mean score") == 2
    assert "a of tiny" in sentences.compare(two, "sft", levels=STANDARD)


def test_gap_closed_counts_intervals_apart_from_zero() -> None:
    main = table(semalign=[("a", 6.0, 0.01), ("b", -8.0, 0.01), ("c", 1.0, 0.5), ("d", 1.0, 0.5)])
    main.loc[main["benchmark"] == "d", ["gap_closed", "gap_closed_low", "gap_closed_high"]] = NAN
    assert sentences.gap_closed(main, "semalign") == (
        "Of the gap, **semalign** closes 30 % on a [10 to 50], −40 % on b [−60 to −20] and 5 % on c "
        "[−15 to 25]; the interval lies above zero on 1 of 3 benchmarks and below zero on 1 "
        "(undefined on 1 more)."
    )
    assert "is undefined" in sentences.gap_closed(main.assign(gap_closed=NAN), "semalign")


def test_nearness_to_the_teacher_and_costs() -> None:
    main = table(
        student=[("a", 0, NAN), ("b", 0, NAN)], semalign=[("a", 5, 0.1), ("b", -3, 0.1)], sft=[("a", 1, 1)]
    )
    said = sentences.nearer_teacher(main, "semalign")
    assert "falls on 1 of 2 benchmarks (mean change −0.010 nats a token)" in said
    assert "changes by +1.0 points on average" in said
    main.loc[main["method"] == "sft", "train_seconds"] = 2.5
    assert (
        sentences.cost(main, "semalign") == "**semalign** trains for 5.0 s a cell on average, sft for 2.5 s."
    )
    assert "was not recorded" in sentences.cost(main, "teacher")


def test_detectable_differences_name_their_benchmarks() -> None:
    said = sentences.detectable(fabricated.detectable_table())
    assert "from 7.0 points (facts) to 8.5 points (synthesis) on" in said
    assert "is not known" in sentences.detectable(fabricated.detectable_table().assign(detectable=NAN))
    one = sentences.detectable(fabricated.detectable_table().iloc[:1])
    assert "from 7.0 points (facts) on" in one


def test_an_ablation_counts_intervals_that_do_not_overlap() -> None:
    frame = fabricated.ablation_table({"map": ["pinv", "random", "none"]}, ("facts",))
    frame = frame.drop(columns=["vs_default", "vs_default_p"])
    said = sentences.ablation(frame, levels=STANDARD)
    assert "Of 2 variants x benchmarks, none lies apart from its default" in said
    assert "**map = none** on facts: −4.0 points" in said
    narrow = frame.assign(score_low=frame["score"] - 1.5, score_high=frame["score"] + 1.5)
    assert "Of 2 variants x benchmarks, 1 lie below their default" in sentences.ablation(
        narrow, levels=STANDARD
    )
    same = frame.assign(score=20.0)
    assert sentences.ablation(same, levels=STANDARD).endswith("No variant moves the score.")
    assert (
        sentences.ablation(frame[frame["variant"] == "default"], levels=STANDARD)
        == "This study has no ablation."
    )
    axes = sentences.ablation_axes(frame, levels=STANDARD)
    assert axes["value"].tolist() == ["none", "random"]
    assert axes["mean difference"].round(9).tolist() == [-4.0, -2.0]


def test_an_ablation_takes_its_verdicts_from_the_tests_against_the_default() -> None:
    frame = fabricated.ablation_table(
        {"map": ["pinv", "random", "none"], "interface": ["mlp", "block"]}, ("facts",)
    )
    said = sentences.ablation(frame, levels=STANDARD)
    assert said.startswith(
        "Of 3 variants x benchmarks, by paired tests against the default, corrected over the table, none scores "
        "higher and 1 scores lower (map = none −4.0 points, p = 0.01); 2 show no detectable difference."
    )
    better = frame.assign(vs_default=-frame["vs_default"])
    assert "1 scores higher (map = none +4.0 points, p = 0.01) and none scores lower" in sentences.ablation(
        better, levels=STANDARD
    )
    assert "0 show" not in said and "On 1 of 2 axes" in sentences.axes_without_effect(frame, levels=STANDARD)
    assert "differs detectably from the default: interface." in sentences.axes_without_effect(
        frame, levels=STANDARD
    )
    table = sentences.ablation_axes(frame, levels=STANDARD)
    assert table[["value", "better", "worse"]].to_numpy().tolist()[0] == ["none", 0, 1]
    two = pd.concat([frame, frame.assign(method="sft")])
    assert "map = none of sft" in sentences.ablation(
        two, levels=STANDARD
    ) and "interface (semalign)" in sentences.axes_without_effect(two, levels=STANDARD)


def test_of_many_verdicts_the_largest_are_named() -> None:
    frame = fabricated.ablation_table({"map": ["pinv", *(f"v{i}" for i in range(12))]}, ("facts",))
    said = sentences.ablation(frame, levels=STANDARD)
    assert "11 score lower (map = v11 −24.0 points" in said and "and 5 more)" in said


def test_parts_do_not_count_as_benchmarks_of_their_own() -> None:
    main = table(
        student=[("mixture", 0, NAN), ("mixture/a", 0, NAN)],
        semalign=[("mixture", 3, 0.01), ("mixture/a", 9, 0.01)],
    )
    assert "33.0 %" in sentences.best_on_average(
        main, levels=STANDARD
    ) and "mixture/a" not in sentences.compare(main, "semalign", levels=STANDARD)
    assert display.score_table(main, levels=STANDARD).columns.tolist() == [
        "method",
        "mixture",
        "a (in the mixture)",
    ]


def test_the_decomposition_reports_both_sides_and_lets_controls_judge() -> None:
    frame = fabricated.decomposition_table({"smollm2": 30})
    said = sentences.decomposition(frame, "smollm2")
    assert "output-side bases is 0.75 (high; 0.75 to 0.75 over 30 layers)" in said
    assert "input-side bases it is 0.15 (low; 0.15 to 0.15 over 30 layers)" in said
    assert said.endswith("Output-side bases lie higher in all 30 layers (intervals apart).")
    controls = sentences.decomposition_controls(frame, "smollm2")
    assert "give 0.99; output-side bases lie lower in all 30 layers (intervals apart), so a high" in controls
    assert "0.80 for output-side bases, and the measured 0.75 is below it" in controls
    assert "were not measured" in sentences.decomposition(frame, "gemma")


def test_other_cosines_turn_the_words_around() -> None:
    frame = fabricated.decomposition_table()
    better = frame.copy()
    better.loc[better["bases"] == "random", ["cosine", "cosine_low", "cosine_high"]] = [0.2, 0.19, 0.21]
    assert "the number of bases alone does not explain" in sentences.decomposition_controls(better, "smollm2")
    swapped = frame.assign(
        bases=frame["bases"].map({"output": "input", "input": "output", "random": "random"})
    )
    assert "lie lower in all 30 layers" in sentences.decomposition(swapped, "smollm2")
    mixed = frame.copy()
    at = (mixed["bases"] == "input") & (mixed["layer"] <= 2)
    mixed.loc[at, ["cosine_low", "cosine_high"]] = [0.9, 0.95]
    assert "higher in 28 of 30 layers and lower in 2 of 30 layers" in sentences.decomposition(
        mixed, "smollm2"
    )
    wide = frame.assign(cosine_low=0.0, cosine_high=1.0)
    assert "lie higher in none of 30 layers" in sentences.decomposition(wide, "smollm2")


def test_the_prediction_names_every_kind_of_bases() -> None:
    assert sentences.head(fabricated.head_table(), "smollm2") == (
        "In **smollm2** (not folded), the most likely next token stays the same in 19 % of positions with "
        "output-side bases, 1 % of positions with input-side bases and 100 % of positions with the dual frame."
    )
    assert "was not measured" in sentences.head(fabricated.head_table(), "gemma")
    shown = display.head_table(fabricated.head_table())
    assert shown.iloc[0].tolist() == ["smollm2", "output", "no", "19.0 [17.1, 19.0]", "0.700"]


def test_without_blocks_the_sentence_takes_what_was_measured() -> None:
    frame = fabricated.decomposition_table()
    said = sentences.decomposition(frame[frame["interface"] == "attention"], "smollm2", folded=True)
    assert "(attention output, final norm folded in)" in said


def test_similarity_says_how_many_pairs_of_layers_rise() -> None:
    said = sentences.similarity(fabricated.similarity_table(), "semalign")
    assert "changes by +0.033 on average and rises in 4 of 12 pairs" in said
    assert "student layer 1 (facts), from 0.30 to 0.40" in said
    assert "By the plain CKA it is +0.033 on average." in said
    assert "was not measured" in sentences.similarity(fabricated.similarity_table(), "sft")


def test_the_score_table_keeps_order_and_marks_differences() -> None:
    main = table(
        student=[("z", 0, NAN), ("a", 0, NAN)], sft=[("z", 6, 0.01), ("a", -6, 0.01)], kd=[("z", 6, 0.2)]
    )
    main.loc[main["method"] == "kd", "paper"] = 41.5
    shown = display.score_table(main, levels=STANDARD)
    assert shown.columns.tolist() == ["method", "z", "a"]
    assert shown.to_numpy().tolist() == [
        ["student", "30.0 [26.0, 34.0]", "30.0 [26.0, 34.0]"],
        ["sft", "36.0 [32.0, 40.0] ▲", "24.0 [20.0, 28.0] ▼"],
        ["kd", "36.0 [32.0, 40.0] (paper 41.5)", ""],
    ]
    two = display.score_table(pd.concat([main, main.assign(pair="other")]), levels=STANDARD)
    assert two[["pair", "method"]].to_numpy().tolist()[2:4] == [["tiny", "kd"], ["other", "student"]]


def test_costs_and_detectable_differences_as_tables() -> None:
    shown = display.cost_table(fabricated.cost_table())
    assert shown["training (s) [least, most]"].tolist() == ["", "3.0 [1.0, 5.0]"]
    assert shown["trainable parameters"].tolist() == ["0", "19,000"]
    shown = display.detectable_table(fabricated.detectable_table())
    assert shown.iloc[0].tolist() == ["facts", "student", 150, 3, "7.0", "11.0"]


def test_the_search_counts_choices_at_an_edge() -> None:
    said = sentences.search(fabricated.search_table())
    assert "Each of 2 methods was tried with 3 learning rates" in said
    assert said.endswith(
        "Of the methods' 2 choices, 1 lies at the lowest rate, below which a smaller one may be better (semalign)."
    )
    none = sentences.search(fabricated.search_table({"sft": 1e-2}))
    assert none.endswith("Of the methods' 1 choices none lies at an edge of the grid.")
    shown = display.search_table(fabricated.search_table())
    assert shown.to_numpy().tolist() == [
        ["semalign", "0.001*: 41.0 [30.0, 50.0]"],
        ["sft", "0.01: 41.0 [30.0, 50.0]"],
    ]


def test_the_search_counts_ablated_variants_apart() -> None:
    methods = fabricated.search_table({"semalign": 1e-3, "sft": 1e-1, "seeking": 1e-1, "laten": 1e-2})
    tables = [methods.assign(variant="default")]
    for variant, rate in (("map~random", 1e-3), ("map~dual", 1e-3), ("steps~2", 1e-1)):
        tables.append(fabricated.search_table({"semalign": rate}).assign(variant=variant))
    said = sentences.search(pd.concat(tables, ignore_index=True))
    assert said.startswith("Each of 4 methods was tried with 3 learning rates on each benchmark")
    assert (
        "Of the methods' 4 choices, 1 lies at the lowest rate, below which a smaller one may be better (semalign) "
        "and 2 lie at the highest, above which a larger one may be better (sft and seeking)." in said
    )
    assert said.endswith(
        "3 ablated variants were searched in the same way; of their 3 choices, 2 lie at the lowest rate, below which "
        "a smaller one may be better (semalign (2)) and 1 lies at the highest, above which a larger one may be "
        "better (semalign)."
    )


def test_a_contrast_is_said_as_its_test_finds_it() -> None:
    said = sentences.contrasts(fabricated.contrast_table(), levels=STANDARD)
    assert said == (
        "- **semalign** scores lower than **sft** over all benchmarks (−8.0 points [−11.0, −5.0], p = 0.01); alone: "
        "higher on no benchmark, lower on no benchmark."
    )
    other = sentences.contrasts(
        fabricated.contrast_table({"facts": (5.0, 0.01), "mean": (1.0, 0.6)}), levels=STANDARD
    )
    assert "shows no detectable difference from **sft**" in other
    assert "higher on the one benchmark" in other
    assert "No two methods" in sentences.contrasts(fabricated.contrast_table().iloc[:0], levels=STANDARD)
    shown = display.contrast_table(fabricated.contrast_table(), levels=STANDARD)
    assert shown.iloc[0].tolist() == ["semalign − sft", "−4.0 [−7.0, −1.0]", "−8.0 [−11.0, −5.0] ▼"]


def test_a_mixture_stands_for_its_parts() -> None:
    given = {"mixture": (-8.0, 0.01), "mixture/facts": (-9.0, 0.01), "mixture/arithmetic": (1.0, 0.9)}
    said = sentences.contrasts(fabricated.contrast_table(given), levels=STANDARD)
    assert "scores lower than **sft** on the mixture (−8.0 points" in said
    assert "higher on none of its 2 parts, lower on 1 of its 2 parts" in said
    beside = given | {"synthesis": (1.0, 0.9), "mean": (-4.0, 0.3)}
    said = sentences.contrasts(fabricated.contrast_table(beside), levels=STANDARD)
    assert "over all benchmarks (−4.0 points" in said and "lower on 1 of 3 benchmarks" in said
