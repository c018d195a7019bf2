"""Sentences about the ladder and the doses: what they claim, and how they read if nothing is significant."""

from pathlib import Path

import fabricated_tables as fabricated
import fabricated_targets as targets
import numpy as np
import pandas as pd
import pytest

from semalign.report import sentences
from semalign.report.levels import Levels
from semalign.report.pages import draw_figures, study_page
from semalign.report.reading import Tables
from semalign.report.sentences import NOT_MEASURED
from semalign.report.words import p_value

BENCHMARKS = ("completion", "facts")


def main_table(benchmarks: tuple[str, ...] = ("completion",)) -> pd.DataFrame:
    """`main.csv` with the scores of the ladder, significant from eight points."""
    main = fabricated.main_table(benchmarks=benchmarks, methods=("student", "teacher", *targets.RUNGS))
    for method, (score, _) in targets.RUNGS.items():
        difference = score - targets.STUDENT_SCORE
        own = [score, difference, 0.004 if abs(difference) >= 8 else 0.4]
        main.loc[main["method"] == method, ["score", "vs_student", "vs_student_p"]] = own
    return main


def ladder(table: pd.DataFrame, main: pd.DataFrame | None = None, **levels: float) -> str:
    given = main_table(tuple(dict.fromkeys(table["benchmark"]))) if main is None else main
    return sentences.ladder(Tables({"ladder": table, "main": given}, Levels(**levels)))


def dose(table: pd.DataFrame, alpha: float = 0.05) -> str:
    return sentences.dose(Tables({"dose": table}, Levels(alpha)))


def test_the_first_rung_above_the_student_and_every_significant_step() -> None:
    assert ladder(targets.ladder_table()).splitlines() == [
        "Each rung is tested against the one below it. The p-values of each measure are corrected for its 4 "
        "tests. Those against the student are in `comparisons.csv`, corrected for the tests of their table. Intervals "
        "are uncorrected.",
        "",
        "The first rung that scores higher than the untouched student is **semantic residual**, by +33.0 points "
        "(p < 0.01). 3 of 4 steps are significant by score, KL or agreement:",
        "",
        "- **semantic residual random** against **SemAlign**: score +24.0 [+17.0, +31.0] points, p < 0.01; KL from the "
        "teacher −1.240 [−1.280, −1.200] nats per token, p < 0.01; top-1 agreement +24.8 [+23.8, +25.8] points, "
        "p < 0.01",
        "- **semantic residual** against **semantic residual random**: score +32.0 [+25.0, +39.0] points, p < 0.01; KL "
        "from the teacher −0.200 [−0.240, −0.160] nats per token, p < 0.01; top-1 agreement +4.0 [+3.0, +5.0] points, "
        "p < 0.01",
        "- **pullback** against **semantic residual**: KL from the teacher −0.060 [−0.100, −0.020] nats per token, "
        "p < 0.01",
    ]


def test_a_ladder_without_any_significant_step() -> None:
    table = targets.ladder_table(
        rungs={"student": (35.0, 0.35), "oracle": (37.0, 0.34), "semalign": (34.0, 0.35)}
    )
    said = ladder(table, main_table().assign(vs_student_p=0.4))
    assert said.endswith(
        "No rung scores measurably higher than the untouched student. No step is significant by score, KL or agreement "
        "(score: differences of −3.0 to +2.0 points)."
    )
    assert "No step is significant" in ladder(targets.ladder_table(), alpha=0.001)


def test_a_step_down_is_told_with_its_sign() -> None:
    said = ladder(targets.ladder_table(rungs={"oracle": (70.0, 0.2), "semalign": (12.0, 0.2)}))
    assert "The step is significant by score, KL or agreement:" in said
    assert "- **SemAlign** against **oracle**: score −58.0 [−65.0, −51.0] points, p < 0.01" in said
    assert "**: KL" not in said.splitlines()[-1]


def test_the_teacher_is_never_the_first_rung_above_the_student() -> None:
    rungs = {"student": (35.0, 0.35), "teacher": (95.0, 0.0)}
    assert "No rung was tested against the untouched student." in ladder(targets.ladder_table(rungs=rungs))
    above = main_table()
    assert above.loc[above["method"] == "teacher", "vs_student_p"].item() < 0.05


def test_several_benchmarks_have_a_paragraph_each() -> None:
    table = targets.ladder_table(BENCHMARKS)
    facts = table["benchmark"] == "facts"
    table.loc[facts & table["below"].notna(), ["score_p_holm", "kl_p_holm", "agreement_p_holm"]] = 0.6
    main = main_table(BENCHMARKS)
    main.loc[main["benchmark"] == "facts", "vs_student_p"] = 0.6
    first, *_, last = ladder(table, main).split("\n\n")[1:]
    assert first.startswith("**completion:** The first rung") and last.startswith("**facts:** No rung scores")
    parts = pd.concat([table, targets.ladder_table(("mixture/facts",))])
    assert "mixture" not in ladder(parts, main)


def test_a_table_without_kl_has_steps_of_the_score_alone() -> None:
    table = targets.ladder_table()
    measured = [name for name in table if name.startswith(("kl_", "agreement_", "teacher_"))]
    said = ladder(table.assign(**dict.fromkeys(measured, np.nan)))
    assert "2 of 4 steps are significant" in said and said.count("KL") == said.count("agreement") == 1


def test_the_summary_says_which_rungs_help_and_which_damage() -> None:
    def said(table: pd.DataFrame) -> str:
        main = main_table(tuple(dict.fromkeys(table["benchmark"])))
        return sentences.targets(Tables({"ladder": table, "main": main}, Levels()))

    one = said(targets.ladder_table())
    assert one == (
        "Of 5 rungs of the ladder on completion, 3 score higher than the student (**semantic residual**, **pullback** "
        "and **oracle**: +33.0 to +40.0 points), 1 scores lower (**SemAlign**: −23.0 points). **semantic residual** "
        "against the rung below it, **semantic residual random**: +32.0 [+25.0, +39.0] points (p < 0.01)."
    )
    two = said(targets.ladder_table(BENCHMARKS))
    assert two.count("Of 5 rungs") == 2 and "\n" not in two and " on facts, 3 score" in two
    first = said(targets.ladder_table(rungs={"oracle": (75.0, 0.1), "semalign": (12.0, 1.6)}))
    assert "1 scores higher than the student (**oracle**: +40.0 points), 1 scores lower" in first
    assert "against the rung below" not in first


def test_where_targets_help_and_where_they_damage() -> None:
    assert dose(targets.dose_table()).splitlines() == [
        "The dose is the relative drop of the layer loss. The p-values are corrected for the 20 tests of a dose "
        "against "
        "the untouched student; intervals are uncorrected.",
        "",
        "3 of 5 targets raise the score at some dose; 1 only lowers it:",
        "",
        "- **semantic residual** helps: 68.0 % at a drop of 55 % (+33.0 [+26.0, +40.0] points, p < 0.01), its "
        "largest dose",
        "- **pullback** helps: 74.0 % at a drop of 60 % (+39.0 [+32.0, +46.0] points, p < 0.01), its largest dose",
        "- **oracle** helps: 70.0 % at a drop of 80 % (+35.0 [+28.0, +42.0] points, p < 0.01), its largest dose",
        "- **SemAlign** damages: 20.0 % at a drop of 38 % (−15.0 [−22.0, −8.0] points, p < 0.01); at its "
        "largest, 75 %, "
        "it is below the student (−30.0 [−37.0, −23.0] points, p < 0.01); its highest score is 27.5 %, at a "
        "drop of 19 %",
        "",
        "No dose of **semantic residual random** changes the score measurably (drops of up to 30 %, differences "
        "of −4.0 "
        "to −1.0 points).",
    ]


def test_a_target_that_helps_and_then_damages() -> None:
    table = targets.dose_table(reached={"semalign": (5.0, 0.8)})
    small = table["variant"].eq("default") & table["method"].eq("semalign")
    names = ["score", "vs_student", "vs_student_low", "vs_student_high", "vs_student_p"]
    table.loc[small, names] = [50.0, 15.0, 8.0, 22.0, 0.03]
    assert dose(table).splitlines()[3:] == [
        "- **SemAlign** helps: 50.0 % at a drop of 20 % (+15.0 [+8.0, +22.0] points, p = 0.03); at its largest, "
        "80 %, it "
        "is below the student (−30.0 [−37.0, −23.0] points, p < 0.01)",
    ]


def test_a_single_dose_is_called_so() -> None:
    reached = {"semalign": (5.0, 0.8), "oracle": (70.0, 0.5), "pullback": (36.0, 0.5)}
    first, *_, helps, damages, _, neither = dose(targets.dose_table(reached=reached, doses=1)).splitlines()
    assert first.endswith(" Each target has one dose.")
    assert helps.endswith("p < 0.01)") and damages.endswith("p < 0.01)")
    assert neither.endswith("(drop of 50 %, difference of +1.0 points).")


def test_doses_without_any_effect() -> None:
    table = targets.dose_table(BENCHMARKS, {"semalign": (33.0, 0.4), "oracle": (37.0, 0.5)})
    _, completion, facts = dose(table).split("\n\n")
    assert completion == (
        "**completion:** No dose of **SemAlign** and **oracle** changes the score measurably (drops of up to 50 %, "
        "differences of −2.0 to +2.0 points)."
    )
    assert facts == completion.replace("completion", "facts")
    assert "None of 2 targets raise the score at some dose; 1 only lowers it" in dose(
        targets.dose_table(reached={"semalign": (5.0, 0.4), "oracle": (37.0, 0.5)})
    )


def test_one_training_under_two_names_is_one_target() -> None:
    table = targets.dose_table()
    method = table.loc[table["method"] != "student", "method"].iloc[0]
    copy = table[table["method"] == method].assign(method="rung")
    assert "**rung**" not in dose(pd.concat([table, copy.iloc[:1]]))
    assert "**rung**" in dose(pd.concat([table, copy.assign(drop=0.9 * copy["drop"])]))


@pytest.mark.parametrize("name", ["ladder", "dose"])
def test_without_rows_nothing_was_measured(name: str) -> None:
    full = {"ladder": targets.ladder_table(), "dose": targets.dose_table(), "main": main_table()}
    say = getattr(sentences, name)
    assert say(Tables(full, Levels())) != NOT_MEASURED
    assert say(Tables(full | {name: full[name].iloc[:0]}, Levels())) == NOT_MEASURED
    assert say(Tables({"main": full["main"]}, Levels())) == NOT_MEASURED
    untouched = full["dose"].query("method == 'student'")
    assert sentences.dose(Tables({"dose": untouched}, Levels())) == NOT_MEASURED


def test_p_values_in_words() -> None:
    said = [p_value(p) for p in (0.0009, 0.001, 0.0099, 0.01, 0.0321, 0.0496, 0.2, 1.0)]
    expected = [
        "p < 0.001",
        "p < 0.01",
        "p < 0.01",
        "p = 0.01",
        "p = 0.03",
        "p = 0.050",
        "p = 0.20",
        "p = 1.00",
    ]
    assert said == expected


def test_a_studys_page_has_both_with_their_figures(tmp_path: Path) -> None:
    tables = fabricated.write_study(tmp_path / "results/mine/tables", **targets.target_tables())
    draw_figures(tmp_path, tmp_path / "results", "mine")
    page = study_page("mine", tables, tmp_path / "figures")
    for name in ("ladder", "dose"):
        assert f"]({'../figures/mine/' + name}.png)" in page and f"/mine/tables/{name}.csv)) with" in page
    assert "**pullback** helps" in page and "**pullback** against **semantic residual**" in page
    (tables / "ladder.csv").unlink()
    assert "ladder" not in study_page("mine", tables, tmp_path / "none")
