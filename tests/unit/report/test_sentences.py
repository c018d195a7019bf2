"""Sentences: the data chooses the words, and every number in them is the data's."""

from collections.abc import Mapping

import fabricated_analyses as analyses
import fabricated_tables as fabricated
import pandas as pd
import pytest

from semalign.report import sentences
from semalign.report.figures import summary
from semalign.report.levels import STANDARD, Levels
from semalign.report.reading import Tables
from semalign.report.sentences import NOT_MEASURED
from semalign.report.words import interval, listing, outcome, signed, spread, verdict

NAN = float("nan")


def main_table(**methods: list[tuple[str, float, float]]) -> pd.DataFrame:
    """A main table: method -> (benchmark, difference from the student, p), the student at 30 %."""
    rows = []
    for method, cells in methods.items():
        for benchmark, difference, p in cells:
            row = fabricated.cell("tiny", benchmark, method.replace("_", "-"), 30 + difference, difference)
            best = {"vs_best_baseline": difference - 2, "vs_best_baseline_p": p}
            rows.append({**row, "vs_student_p": p, **best})
    return pd.DataFrame(rows)


def of(levels: Levels = STANDARD, **tables: pd.DataFrame) -> Tables:
    """Tables of a study."""
    return Tables(tables, levels)


def ablated(values: int, p: float | None = None) -> Tables:
    """A study with one ablated setting on one benchmark; with `p`, every test has this p-value."""
    frame = fabricated.ablation_table({"map": ["pinv", *(f"v{i}" for i in range(values))]}, ("facts",))
    if p is not None:
        frame["vs_default_p"] = frame["vs_default_p"].where(frame["vs_default_p"].isna(), p)
    return of(ablations=frame)


@pytest.mark.parametrize(
    ("difference", "p", "said"),
    [
        (2.0, 0.01, "higher"),
        (-2.0, 0.01, "lower"),
        (9.0, 0.05, "undecided"),
        (0.0, 0.0, "undecided"),
        (2.0, NAN, "untested"),
        (NAN, 0.01, "untested"),
    ],
)
def test_the_test_and_the_sign_choose_the_word(difference: float, p: float, said: str) -> None:
    assert verdict(difference, p, levels=STANDARD) == said


def test_small_words() -> None:
    assert [signed(1.24), signed(-1.26), signed(-0.01), signed(0.0)] == ["+1.2", "−1.3", "0.0", "0.0"]
    assert [spread([1.0, 2.0]), spread([1.0, 1.01]), spread([-1, 2], signs=True)] == [
        "1.0 to 2.0",
        "1.0",
        "−1.0 to +2.0",
    ]
    assert [listing(["a"] * number) for number in range(4)] == ["none", "a", "a and a", "a, a and a"]
    assert interval(1.0, NAN, NAN) == "+1.0" and interval(1.0, 0.0, 2.0) == "+1.0 [0.0, +2.0]"


def test_the_gap_is_what_the_teachers_tests_decide() -> None:
    one = main_table(student=[("a", 0, NAN)], teacher=[("a", 20, 0.0)])
    said = sentences.gap(of(main=one))
    assert said == "Yes. The teacher (50.0 %) against the student (30.0 %): higher, +20.0 points."
    unsure = sentences.gap(of(main=one.assign(vs_student_p=0.5)))
    assert unsure.startswith("Not detectably.") and "not significant after correction, +20.0 points" in unsure
    two = main_table(student=[("a", 0, NAN)], teacher=[("a", 20, 0.0), ("b", 1, 0.4)])
    assert sentences.gap(of(main=two)) == (
        "In part. The teacher against the student: higher on 1 of 2 (+20.0 points); not significant after correction "
        "on 1 of 2 (+1.0 points)."
    )
    assert sentences.gap(of(main=one[one["method"] == "student"])) == NOT_MEASURED


def test_the_methods_that_help_are_counted_and_the_best_is_named() -> None:
    given = {"sft": [("a", 6, 0.001)], "kd": [("a", 9, 0.001)], "laten": [("a", 12, 0.3)]}
    said = sentences.helps(of(main=main_table(student=[("a", 0, NAN)], **given)))
    assert said == "2 of 3 methods score higher than the student. The best: **KD**, higher, +9.0 points."
    none = sentences.helps(of(main=main_table(sft=[("a", 6, 0.3)], kd=[("a", 2, 0.3)])))
    assert none == (
        "None of the 2 methods scores higher than the student. The largest difference is that of **SFT**, not "
        "significant after correction, +6.0 points."
    )
    only = sentences.helps(of(main=main_table(sft=[("a", 6, 0.01)])))
    assert only == "The only method, **SFT**, against the student: higher, +6.0 points."


def test_controls_are_no_methods_and_are_counted_apart() -> None:
    given = {"sft": [("a", 6, 0.001)], "kd": [("a", 2, 0.3)], "seeking_random": [("a", 9, 0.001)]}
    main = main_table(student=[("a", 0, NAN)], **given)
    said = sentences.helps(of(main=main))
    assert "1 of 2 methods scores higher than the student. The best: **SFT**, higher" in said
    assert said.endswith("The control, **Seeking random**: higher, +9.0 points.")
    main = main_table(student=[("a", 0, NAN)], **given, self_anchor_distill=[("a", 1, 0.3)])
    assert "Of 2 controls (random choices, or targets from the student itself), 1 scores higher too" in (
        sentences.helps(of(main=main))
    )
    listed = of(Levels(controls=["kd"]), main=main)
    assert "3 methods" in sentences.helps(listed) and "The control, **KD**" in sentences.helps(listed)
    assert "seeking-random" not in summary.chosen(main) and "kd" not in summary.chosen(main, listed.levels)


def test_the_readme_s_figure_shows_a_correction_with_its_own_control() -> None:
    scores = {
        key: [("a", 0, NAN)] for key in ("student", "teacher", "semalign", "semalign_random_map", "sft")
    }
    assert "semalign-random-map" in summary.chosen(main_table(**scores))
    residuals = {key: [("a", 9, NAN)] for key in ("semantic_residual", "semantic_residual_random_bases")}
    names = summary.chosen(main_table(**scores, **residuals))
    assert names[1:4] == ["semalign", "semantic-residual", "semantic-residual-random-bases"]


def test_a_control_is_no_best_baseline() -> None:
    main = main_table(semalign=[("a", 0.5, 0.9)])
    row = {"table": "main", "pair": "tiny", "benchmark": "a", "method": "semalign", "variant": "default"}
    row |= {"against": "best_baseline", "baseline": "seeking-random", "difference": -8.5, "p": 0.1}
    tests = pd.DataFrame([row | {"p_holm": 1.0, "difference_low": -9.0, "difference_high": -8.0}])
    said = sentences.own(of(main=main, comparisons=tests, contrasts=fabricated.contrast_table())).splitlines()
    assert said[0] == (
        "- **SemAlign** against the highest other row, the control **Seeking random**: not significant after "
        "correction, −8.5 [−9.0, −8.0] points."
    )
    assert said[-1].startswith("- **SemAlign** against **SFT**: lower, −8.0 [−11.0, −5.0] points")


def test_what_an_answer_rests_on_is_counted() -> None:
    main = fabricated.main_table()
    assert sentences.trust(of(main=main, search=fabricated.search_table())).endswith(
        "test items; 1 of 2 chosen learning rates is the smallest or largest tried, so that a better one may exist"
    )
    scores = fabricated.benchmark_table().assign(benchmark="mmlu", score_low=20.0)
    assert "MMLU is not above guessing (25 %)" in sentences.trust(of(benchmarks=scores))
    assert "guessing" not in sentences.trust(of(benchmarks=scores.assign(score_low=26.0)))
    assert sentences.trust(decomposed()) == "1 model" and sentences.trust(of()) == NOT_MEASURED
    assert sentences.answer(decomposed()).startswith("Not shown: block outputs rebuilt")


def test_parts_of_a_mixture_are_no_benchmarks() -> None:
    cells = {
        "sft": [("mixture", 3, 0.01), ("mixture/a", 9, 0.01), ("mixture/b", -9, 0.01)],
        "kd": [("mixture", 1, 0.5), ("mixture/a", 1, 0.5), ("mixture/b", 1, 0.5)],
    }
    said = sentences.helps(of(main=main_table(student=[("mixture", 0, NAN), ("mixture/a", 0, NAN)], **cells)))
    assert "1 of 2 methods scores higher" in said and "**SFT**, higher, +3.0 points" in said
    assert said.endswith(
        "On single parts, 1 of 4 tests of methods decide for the method and 1 for the student (**SFT** on b (in the "
        "mixture), −9.0 points)."
    )


def test_the_method_under_study_meets_student_baseline_and_control() -> None:
    main = main_table(semalign=[("a", 0.5, 0.9)], sft=[("a", 9, 0.01)])
    control = fabricated.contrast_table({"a": (0.1, 0.9)}).assign(other="semalign-random-map")
    said = sentences.own(of(main=main, contrasts=control))
    assert said.splitlines() == [
        "- **SemAlign** against the student: not significant after correction, +0.5 points.",
        "- **SemAlign** against the best baseline: not significant after correction, −1.5 points.",
        "- **SemAlign** against its random control: no detectable difference, +0.1 [−2.9, +3.1] points.",
    ]
    row = {"table": "main", "pair": "tiny", "benchmark": "a", "method": "semalign", "variant": "default"}
    row |= {"against": "best_baseline", "baseline": "sft", "difference": -8.5, "p": 0.001, "p_holm": 0.01}
    tests = pd.DataFrame([row | {"difference_low": -9.0, "difference_high": -8.0}])
    named = sentences.own(of(main=main, comparisons=tests))
    assert "the best baseline, **SFT**: lower, −8.5 [−9.0, −8.0] points." in named
    without = sentences.own(of(main=main_table(sft=[("a", 6, 0.01)])))
    assert without.startswith("- **SFT** against the student: higher, +6.0 points.")


def test_several_pairs_are_told_by_their_number() -> None:
    main = main_table(semalign=[("a", 6, 0.01)])
    two = pd.concat([main, main.assign(pair="other", vs_student=-6.0)])
    assert "higher on 1 of 2 (+6.0 points); lower on 1 of 2 (−6.0 points)" in sentences.own(of(main=two))


def test_a_contrast_is_decided_by_its_test_and_told_with_its_interval() -> None:
    data = of(contrasts=fabricated.contrast_table())
    assert sentences.contrasts(data).splitlines() == [
        "Decided, lower:",
        "",
        "- **SemAlign** against **SFT**: −8.0 [−11.0, −5.0] points",
    ]
    strict = of(Levels(alpha=0.01, confidence=0.99), contrasts=fabricated.contrast_table())
    assert (
        sentences.contrasts(strict)
        == "No difference between two of the named methods is significant after correction."
    )
    given = {"mixture": (-8.0, 0.3), "mixture/facts": (-9.0, 0.01)}
    parts = of(contrasts=fabricated.contrast_table(given))
    assert "No difference between" in sentences.contrasts(parts)
    assert sentences.contrasts(of(contrasts=fabricated.contrast_table().iloc[:0])) == NOT_MEASURED


def test_what_stays_undecided_is_told_with_its_size() -> None:
    data = of(
        main=fabricated.main_table(),
        contrasts=fabricated.contrast_table({"facts": (-4.0, 0.2), "arithmetic": (3.0, 0.01)}),
        detectable=fabricated.detectable_table(),
    )
    said = sentences.undecided(data)
    assert said.startswith(
        "1 of 2 named comparisons is undecided after correction (differences of −4.0 points; uncorrected"
    )
    assert (
        "detect differences of about 7.0 to 8.5 points; with the correction" in said
        and "11.0 to 12.5." in said
    )
    decided = of(main=data["main"], contrasts=fabricated.contrast_table({"facts": (-4.0, 0.01)}))
    assert sentences.undecided(decided).strip() == "0 of 1 named comparisons are undecided after correction."
    assert sentences.undecided(of(main=data["main"])) == NOT_MEASURED
    unknown = fabricated.detectable_table().assign(detectable=NAN)
    assert sentences.detectable(of(detectable=unknown)) == NOT_MEASURED


def test_the_share_of_the_gap_is_given_if_there_is_one() -> None:
    main = main_table(semalign=[("a", 6.0, 0.01), ("b", -8.0, 0.01), ("c", 1.0, 0.5)])
    main.loc[main["benchmark"] == "c", ["gap_closed", "gap_closed_low", "gap_closed_high"]] = NAN
    assert sentences.gap_closed(of(main=main)) == (
        "**SemAlign** closes this share of the gap: +30 [+10, +50] % on a, −40 [−60, −20] % on b (uncorrected "
        "intervals). On 1 benchmark the share is undefined: the teacher is not clearly above the student."
    )


def test_an_ablation_tells_each_decided_variant_once() -> None:
    said = sentences.ablation(ablated(3))
    assert said.startswith("1 of 3 tests of a variant against its default is undecided after correction")
    assert "Decided, lower:\n\n- `map = v2`: −6.0 points\n- `map = v1`: −4.0 points" in said
    assert "Decided, higher" not in said and "Settings of which" not in said
    none = sentences.ablation(ablated(3, p=0.9))
    assert (
        "3 of 3 tests of a variant against its default are undecided after correction (differences of −6.0"
        in none
    )
    assert none.endswith("- `map`") and "Decided" not in none
    strict = Tables(ablated(3), Levels(alpha=0.005))
    assert "3 of 3 tests" in sentences.ablation(strict)
    many = sentences.ablation(ablated(15))
    assert "- and 4 more in the table" in many
    two = ablated(2)
    two["ablations"] = pd.concat([two["ablations"], two["ablations"].assign(method="sft")])
    assert "`map = v1` of **SFT**" in sentences.ablation(two)
    assert sentences.ablation(ablated(0)) == NOT_MEASURED


def test_the_search_counts_choices_at_each_end() -> None:
    said = sentences.search(of(search=fabricated.search_table()))
    assert "of 3 tried, with the best score on the validation split" in said
    assert said.endswith(
        "Of 2 choices, 1 is the smallest tried (**SemAlign**); a learning rate beyond may be better."
    )
    none = sentences.search(of(search=fabricated.search_table({"sft": 1e-2})))
    assert none.endswith("Of 1 choices, none is the smallest or the largest tried.")
    methods = fabricated.search_table({"semalign": 1e-3, "sft": 1e-1, "seeking": 1e-1}).assign(
        variant="default"
    )
    variants = [
        fabricated.search_table({"semalign": rate}).assign(variant=variant)
        for variant, rate in (("map~random", 1e-3), ("map~dual", 1e-3), ("steps~2", 1e-1))
    ]
    both = of(search=pd.concat([methods, *variants], ignore_index=True))
    said = sentences.search(both)
    assert (
        "1 is the smallest tried (**SemAlign**) and 2 are the largest tried (**SFT** and **Seeking**)" in said
    )
    assert "Of 3 choices for ablated variants, 2 are the smallest and 1 the largest tried." in said
    assert "3 of 3 choices are the smallest or largest tried" in sentences.edges(both)


def test_the_search_says_where_it_ended_and_where_the_best_is_to_do_nothing() -> None:
    table = fabricated.widened_search_table()
    said = sentences.search(of(search=table))
    assert "(or its combination with other settings), of 3 to 4 tried" in said
    assert "1 is the smallest tried (**Seeking**); a learning rate beyond" in said
    assert (
        "2 of 4 searches went on beyond their grid. 3 of 4 ended inside the learning rates tried, 1 of them after "
        "going on; 1 ended at an edge." in said
    )
    assert said.endswith(
        "In 2 of 4 searches (**Seeking** and **KD**), the best choice is to do nothing, or next to nothing: "
        "the chosen learning rate is the lowest tried (1), or the score is not above the untouched student's (1)."
    )
    assert sentences.edges(of(search=table)).endswith(
        "; in 2 of 4 the best choice is to do nothing, or next to nothing."
    )
    good = sentences.search(of(search=table[table["method"] == "sft"]))
    assert "do nothing" not in good and "went on" not in good and "other settings" not in good


def test_a_choice_for_a_variant_that_does_nothing_is_counted_without_its_name() -> None:
    table = fabricated.widened_search_table()
    idle = table[table["method"] == "kd"].assign(variant="rank~8")
    said = sentences.search(of(search=pd.concat([table[table["method"] == "sft"], idle])))
    assert "In 1 of 2 searches, the best choice is to do nothing" in said


def test_fixed_rates_are_named() -> None:
    costs = fabricated.cost_table(("student", "sft", "semalign"))
    costs["searched"] = [NAN, NAN, 0, 0, 1, 1]
    said = sentences.search(of(search=fabricated.search_table(), costs=costs))
    assert said.endswith("**SFT** has a fixed learning rate, which was not searched.")
    assert "fixed" not in sentences.search(
        of(search=fabricated.search_table(), costs=costs.assign(searched=1))
    )


def test_a_search_whose_scores_are_all_equal_has_no_choice_at_an_end() -> None:
    tied = fabricated.search_table({"sft": 1e-3}).assign(score=40.0)
    assert sentences.edges(of(search=tied)).endswith(
        "; in 1 of 1 searches, all learning rates have the same score."
    )
    assert sentences.search(of(search=tied)).endswith(
        "In 1 of 1 searches, all learning rates have the same score."
    )
    both = of(search=pd.concat([tied, fabricated.search_table({"semalign": 1e-3})]))
    assert sentences.edges(both).endswith(
        "; 1 of 2 choices is the smallest or largest tried without such a tie."
    )
    assert "Of the other 1 choices, 1 is the smallest tried (**SemAlign**)" in sentences.search(both)


def test_a_method_that_changes_no_item_is_said_to_have_the_same_scores() -> None:
    assert outcome("undecided", 0.0, 0.0) == "the same score on every item"
    assert outcome("undecided", 0.0, 1.0) == "no detectable difference"


def test_costs_name_who_gains_more_for_less() -> None:
    costs, comparisons = fabricated.cost_table(fabricated.METHODS), analyses.comparison_table()
    costs.loc[costs["method"] == "sft-all-layers", "search_seconds"] = 1.0
    tests = comparisons.assign(difference_high=comparisons["difference_high"] + 0.0)
    own = tests["method"] == "semalign"
    tests.loc[own, ["difference", "difference_low", "difference_high"]] = [-9.0, -10.0, -8.0]
    main = main_table(semalign=[("facts", -9, 0.04)])
    said = sentences.gain(of(main=main, costs=costs, comparisons=tests))
    assert said.startswith("**SemAlign** takes 13.5 s on average") and "lower on 2 of 2 (−9.0 points)" in said
    assert said.endswith("do not overlap): **SFT all layers** on facts; **SFT all layers** on completion.")
    alone = sentences.gain(of(main=main, costs=costs, comparisons=comparisons))
    assert "cost less" not in alone
    assert sentences.gain(of(main=main_table(laten=[("facts", 1, 1)]), costs=costs, comparisons=tests)) == (
        NOT_MEASURED
    )


def decomposed(change: Mapping[str, float] | None = None) -> Tables:
    """A study of a model of 30 layers; `change` has other cosines by kind of bases."""
    frame = fabricated.decomposition_table({"smollm2": 30})
    for bases, cosine in (change or {}).items():
        at = frame["bases"] == bases
        frame.loc[at, ["cosine", "cosine_low", "cosine_high"]] = [cosine, cosine - 0.01, cosine + 0.01]
    return of(decomposition=frame)


def test_the_controls_judge_what_a_cosine_shows() -> None:
    said = sentences.vocabulary(decomposed())
    assert "(output-side bases) keep a mean cosine of 0.75 with the original" in said
    assert (
        "(input-side), 0.15; from as many random vectors, 0.99. Enough vectors in any directions rebuild"
        in said
    )
    assert sentences.decomposition(decomposed()) == (
        "For block outputs, output-side bases rebuild better than input-side ones in 30 of 30 layers and than random "
        "ones in 0 of 30 layers (intervals do not overlap)."
    )
    better = decomposed({"random": 0.2})
    assert "is not explained by the number of vectors alone, which does not prove" in sentences.vocabulary(
        better
    )
    assert "random ones in 30 of 30" in sentences.decomposition(better)
    attention = decomposed()["decomposition"].query("interface == 'attention'")
    assert "0.75 with the original" in sentences.vocabulary(of(decomposition=attention))
    output = decomposed()["decomposition"].query("bases == 'output'")
    assert "random" not in sentences.vocabulary(of(decomposition=output))
    assert sentences.vocabulary(of(decomposition=output.iloc[:0])) == NOT_MEASURED


def test_published_scores_are_within_the_interval_or_named() -> None:
    row = fabricated.benchmark_table()
    scores = pd.concat([row, row.assign(published=30.0, protocol="lm-eval"), row.assign(published=NAN)])
    assert sentences.published(of(benchmarks=scores)) == (
        "1 of 2 published scores is within the intervals measured here. m on GSM8K (lm-eval): published 30.0 %, "
        "interval 0.0 to 7.5 %."
    )
    assert sentences.published(of(benchmarks=row.assign(published=NAN))) == NOT_MEASURED
    assert "90 % on GSM8K (paper)" in sentences.empty(of(benchmarks=row))
    assert sentences.empty(of(benchmarks=row.assign(empty=0.0))) == "No answer is empty."
    several = of(benchmarks=pd.concat([row, row.assign(model="n", score=5.0)], ignore_index=True))
    assert sentences.scored(several) == "- **GSM8K**: 5.0 % [0.0, 7.5] (best: n, protocol paper)."


@pytest.mark.parametrize(
    "name", [name for name in sentences.__all__ if name.islower() and "method" not in name]
)
def test_a_table_that_is_missing_leaves_one_sentence(name: str) -> None:
    assert getattr(sentences, name)(of()) == NOT_MEASURED
