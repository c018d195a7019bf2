"""What the study's page says of the ranking on the validation split."""

import html
import re
from pathlib import Path

import fabricated_tables as fabricated
import pandas as pd
import pytest

from semalign.report import display, index, sentences
from semalign.report.levels import STANDARD
from semalign.report.reading import Tables
from semalign.report.stage import Listed
from semalign.report.templating import NOT_MEASURED
from semalign.runtime.columns import COLUMNS


def ranking(*methods: tuple[str, float, float | None], benchmark: str = "facts") -> pd.DataFrame:
    """`ranking.csv` of methods with (name, validation score, lower end of the gain; none of the student)."""
    rows = []
    for rank, (method, score, low) in enumerate(methods, start=1):
        for seed in (None, 0):
            row = {"pair": "tiny", "benchmark": benchmark, "method": method, "seed": seed, "items": 100}
            row |= {"rank": rank if seed is None else 1, "ship": int(rank == 1 and seed == 0)}
            row |= {"validation": score, "validation_low": score - 5, "validation_high": score + 5}
            gain = None if low is None else low + 5
            row |= {
                "vs_student": gain,
                "vs_student_low": low,
                "vs_student_high": None if low is None else low + 9,
            }
            row |= {"test_score": score - 3, "test_score_low": score - 9, "test_score_high": score + 3}
            rows.append(row | {"train_seconds": 2.0, "train_flops": 3e12})
    return pd.DataFrame(rows, columns=list(COLUMNS["ranking"]))


STUDENT = ("student", 40.0, None)


def said(table: pd.DataFrame) -> str:
    return sentences.ship(Tables({"ranking": table}, STANDARD))


def test_the_one_to_use_is_named_with_both_scores() -> None:
    text = said(ranking(("sft", 60.0, 10.0), STUDENT))
    assert text.startswith(
        "Use **SFT**, seed 0, the best on the validation split: 60.0 %, +15.0 [+10.0, +19.0] points"
    )
    assert text.endswith("On the test split, which was not used to choose: 57.0 % [51.0, 63.0].")
    assert "contains zero" not in text and "control" not in text


@pytest.mark.parametrize(
    ("best", "words"),
    [
        (("sft", 42.0, -3.0), "an interval that contains zero, so that it is not shown to help"),
        (("semalign-random", 60.0, 10.0), "; it is a control"),
    ],
)
def test_a_reservation_is_said(best: tuple[str, float, float], words: str) -> None:
    assert words in said(ranking(best, STUDENT))


def test_that_nothing_beats_the_student_is_said() -> None:
    text = said(ranking(STUDENT, ("sft", 30.0, -12.0)))
    assert text == "Use the student as it is: on the validation split, no method is above it (40.0 %)."


def test_that_a_ranking_of_equal_scores_decides_nothing_is_said() -> None:
    text = said(ranking(("student", 0.0, None), ("sft", 0.0, -5.0)))
    assert "(0.0 %). All methods have the same score, so that this ranking decides nothing" in text
    assert "decides nothing" not in said(ranking(STUDENT))


def test_several_benchmarks_have_a_line_each() -> None:
    tables = [ranking(("sft", 60.0, 10.0), STUDENT), ranking(STUDENT, benchmark="completion")]
    lines = said(pd.concat(tables)).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["- On facts", "- On completion"]


def test_a_study_without_a_ranking_says_nothing() -> None:
    assert sentences.ship(Tables({}, STANDARD)) == NOT_MEASURED
    assert display.ranking_table(Tables({}, STANDARD)).empty


def test_the_page_has_the_ranking_and_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = Path("results/s")
    tables = fabricated.write_study(root / "tables", ranking=ranking(("sft", 60.0, 10.0), STUDENT))
    facts = {"study": "s", "seeds": [0], "pairs": {}, "models": {}, "benchmarks": ["facts"]}
    listed = Listed(tables=[tables / "main.csv", tables / "ranking.csv"], config=["config/own.yaml"])
    page, _ = index.build(facts, (), root / "index.html", listed)
    assert '<h2 id="ranking">Which one to use</h2>' in page
    text = html.unescape(page)
    assert "snakemake --cores all export --configfile config/own.yaml" in text
    rows = re.findall(r"<td>([12])</td>\s*<td>(\w+)</td>\s*<td>([\d.]+) ", page)
    assert rows == [("1", "SFT", "60.0"), ("2", "student", "40.0")]
