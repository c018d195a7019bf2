"""Summaries and results pages are made from the tables: of any study, and those in git are what the script writes."""

import shutil
from pathlib import Path

import fabricated_analyses as analysed
import fabricated_tables as fabricated
import pandas as pd
import pytest

from semalign.report.pages import BEGIN, END
from semalign.report.reading import Tables, read_tables
from semalign.report.stage import write_results
from semalign.report.studies import STUDIES
from semalign.report.summary import LINES, further, summarize, takeaways
from semalign.report.verdicts import COLUMNS, verdicts
from semalign.runtime.errors import UserError

ROOT = Path(__file__).resolve().parents[3]
STORED = list(STUDIES)


def write(folder: Path, **tables: pd.DataFrame) -> Path:
    folder.mkdir(parents=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return folder


def study() -> dict[str, pd.DataFrame]:
    """Tables of a whole study."""
    return {
        "main": fabricated.main_table(),
        "ablations": fabricated.ablation_table(),
        "contrasts": fabricated.contrast_table(),
        "search": fabricated.search_table(),
        "costs": fabricated.cost_table(),
        "detectable": fabricated.detectable_table(),
        "decomposition": fabricated.decomposition_table(),
        "bits": fabricated.bits_table(),
        "head": fabricated.head_table(),
        "benchmarks": fabricated.benchmark_table(),
        "similarity": fabricated.similarity_table(),
        **{name: table for name, table in analysed.analyses().items() if name != "comparisons"},
    }


def test_every_test_is_one_row_with_its_verdict(tmp_path: Path) -> None:
    rows = verdicts(read_tables(write(tmp_path / "t", **study()), (), ("main", "ablations", "contrasts")))
    assert tuple(rows.columns) == COLUMNS
    assert set(rows["table"]) == {"main", "ablations", "contrasts"}
    assert set(rows["against"]) == {"student", "best_baseline", "default", "other"}
    teacher = rows[(rows["method"] == "teacher") & (rows["against"] == "student")]
    assert set(teacher["verdict"]) == {"higher"} and teacher["low"].isna().all()
    assert len(verdicts(read_tables(tmp_path / "t", (), ()))) == 0
    told = verdicts(read_tables(ROOT / "results/pruned/tables", (), ("main", "comparisons", "contrasts")))
    assert told.groupby("table").size().to_dict() == {"main": 45, "contrasts": 27}
    assert told.loc[told["verdict"] != "untested", ["low", "high", "p"]].notna().all().all()


def test_the_takeaway_on_settings_falls_back_to_a_form_of_the_method_that_was_ablated(tmp_path: Path) -> None:
    tables = study()
    own = takeaways(write(tmp_path / "own", **tables))[2]
    assert "settings of SemAlign that were varied" in own
    renamed = tables["ablations"].replace({"method": {"semalign": "semalign-fixed-dose"}})
    of_form = takeaways(write(tmp_path / "form", **tables | {"ablations": renamed}))[2]
    assert of_form == own.replace("SemAlign", "SemAlign fixed dose", 1)
    none = renamed.replace({"method": {"semalign-fixed-dose": "sft"}})
    assert "not measured" in takeaways(write(tmp_path / "none", **tables | {"ablations": none}))[2]


@pytest.mark.parametrize("name", STORED)
def test_a_stored_study_is_summed_up(name: str) -> None:
    lines = summarize(ROOT / f"results/{name}/tables", name).splitlines()
    assert 0 < len(lines) <= LINES and all(line.startswith("- ") for line in lines)


@pytest.mark.parametrize(
    ("kept", "said", "unsaid"),
    [
        (["main"], "against the best baseline", "learning rate"),
        (["decomposition"], "Does the vocabulary carry", "student"),
        (["benchmarks"], "**GSM8K**: 2.5 %", "student"),
        (["main", "search"], "learning rate chosen", "vocabulary"),
        ([], "no results yet", "student"),
    ],
)
def test_a_summary_leaves_out_what_was_not_measured(
    kept: list[str], said: str, unsaid: str, tmp_path: Path
) -> None:
    folder = write(tmp_path / "tables", **{name: study()[name] for name in kept})
    text = summarize(folder, "mine")
    assert said in text and unsaid not in text and "not measured" not in text.lower()
    whole = summarize(write(tmp_path / "whole", **study()), "mine").splitlines()
    assert len(whole) == LINES and "uncorrected; " in whole[-1]


def test_a_pair_of_ones_own_is_summed_up_without_the_method_under_study(tmp_path: Path) -> None:
    one = write(tmp_path / "one", main=fabricated.main_table(methods=("student", "teacher", "sft")))
    assert "The only method, **SFT**" in summarize(one, "mine")
    two = write(
        tmp_path / "two", main=fabricated.main_table(methods=("student", "teacher", "sft", "seeking"))
    )
    assert "of 2 methods" in summarize(two, "mine") and "SemAlign" not in summarize(two, "mine")
    assert len(takeaways(two)) == 3 and "SemAlign" not in takeaways(two)[0]
    several = write(tmp_path / "several", main=fabricated.main_table(pairs=("a", "b")))
    assert ": higher on 8 of 8" in summarize(several, "mine")


@pytest.mark.parametrize(("p", "said"), [(0.9, "None of the 3 methods"), (0.0001, "methods raise")])
def test_three_sentences_follow_the_tests(p: float, said: str, tmp_path: Path) -> None:
    main = fabricated.main_table(benchmarks=("facts",))
    main["vs_student"] = main["vs_student"].abs()
    main["vs_student_p"] = main["vs_student_p"].where(main["vs_student_p"].isna(), p)
    sentences = takeaways(write(tmp_path / "tables", main=main))
    assert len(sentences) == 3 and said in sentences[1]
    assert sentences[1].startswith("There is something to learn" if p < 0.05 else "No gap could be measured")
    assert ("does not measurably help" in sentences[0]) == (p > 0.05)


def test_what_corrects_the_method_under_study_is_compared_with_its_control_and_with_others(
    tmp_path: Path,
) -> None:
    methods = ("student", "teacher", "semalign", "sft", "semantic-residual", "semantic-residual-random-bases")
    main = fabricated.main_table(benchmarks=("facts",), methods=methods)
    rivals = ["semantic-residual-random-bases", "sft"]
    contrasts = pd.DataFrame(
        {
            **{"pair": "tiny", "benchmark": "facts", "method": "semantic-residual", "other": rivals},
            **{"seeds": 5, "items": 100, "test": "permutation"},
            **{"difference": [30.8, -2.0], "difference_low": [23.6, -4.0], "difference_high": [37.5, 0.5]},
            **{"p": [0.001, 0.2], "p_holm": [0.002, 0.2]},
        }
    )
    folder = write(tmp_path / "tables", main=main, contrasts=contrasts)
    assert len(takeaways(folder, "labels")) == 3
    said = takeaways(folder, "targets")[3]
    assert said.lower().startswith("semantic residual")
    assert "the same with random bases: higher, +30.8 [+23.6, +37.5] points" in said
    assert "Against SFT: no detectable difference, −2.0 [−4.0, +0.5] points" in said
    own = main["method"] == "semantic-residual"
    main.loc[own, ["vs_student", "score"]] = [0.074, float(main.loc[0, "score"]) + 0.074]
    small = write(tmp_path / "small", main=main, contrasts=contrasts)
    assert "+0.07 points" in takeaways(small, "targets")[3]


def test_the_teacher_is_compared_with_labels_benchmark_by_benchmark(tmp_path: Path) -> None:
    keys = ["benchmark", "method", "other", "difference", "difference_low", "difference_high", "p", "p_holm"]
    residual, few = ("semantic-residual", "semantic-residual-labels"), "semantic-residual-labels-25"
    rows = [
        ("clean", *residual, -3.0, -10.0, 3.0, 0.2, 1.0),
        ("wrong", *residual, 23.0, 16.0, 30.0, 0.001, 0.01),
        ("mean", *residual, 10.0, 7.0, 13.0, 0.001, 0.01),
        ("clean", "semantic-residual-25", few, -1.0, -3.0, 1.0, 0.5, 1.0),
        ("clean", "distill-logits", "sft", -2.0, -4.0, 1.0, 0.5, 1.0),
        ("wrong", "distill-logits", "sft", -31.0, -35.0, -27.0, 0.001, 0.01),
        ("wrong", "sft", "seeking", 5.0, 4.0, 6.0, 0.001, 0.01),
    ]
    tests = pd.DataFrame(rows, columns=keys).assign(pair="tiny", seeds=5, items=150, test="bootstrap")
    folder = write(tmp_path / "tables", main=fabricated.main_table(), contrasts=tests)
    said = summarize(folder, "mine")
    residuals = (
        "**semantic residual** against **semantic residual labels**: higher on wrong (+23.0 points), undecided on 1 "
        "of 2 benchmarks (−3.0 points)."
    )
    distilled = "**distill logits** against **SFT**: lower on wrong (−31.0 points), undecided on 1 of 2 " + (
        "benchmarks (−2.0 points)."
    )
    assert (
        residuals in said and distilled in said and "labels 25**: undecided on clean (−1.0 points)." in said
    )
    assert "seeking" not in said.partition("labels?")[2].partition("\n")[0].lower()
    (added,) = further(folder, "labels")
    assert residuals in added and distilled in added and "25" not in added
    assert further(folder, "targets") == further(folder, "mine") == []
    without = write(tmp_path / "without", contrasts=tests[tests["method"] != "semantic-residual"].iloc[1:])
    assert "labels?" not in summarize(without, "mine") and further(without, "labels") == []


def test_a_summary_says_its_studys_levels(tmp_path: Path) -> None:
    folder = write(tmp_path / "tables", **study())
    text = '{"alpha": 0.01, "confidence": 0.99, "titles": {"semalign": "Ours"}}'
    (folder / "levels.json").write_text(text, encoding="utf-8")
    said = summarize(folder, "mine")
    assert (
        "99 % intervals" in said and "level 0.01" in said and "**Ours** against" in said and "95" not in said
    )


def test_the_pages_in_git_are_what_the_script_writes(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    shutil.copytree(ROOT / "docs/figures", docs / "figures")
    readme = tmp_path / "README.md"
    shutil.copyfile(ROOT / "README.md", readme)
    write_results(ROOT / "results", docs, readme)
    written = [path for path in docs.rglob("*") if path.suffix in (".md", ".csv")]
    compared = [name for name in STORED if (ROOT / f"results/{name}/tables/main.csv").is_file()]
    assert len(written) == 1 + len(STORED) + len(compared) and len(compared) == 4
    for path in written:
        in_git = ROOT / "docs" / path.relative_to(docs)
        assert path.read_text() == in_git.read_text(), f"{in_git}: run scripts/write_results.py"
    assert readme.read_text() == (ROOT / "README.md").read_text(), "README.md: run scripts/write_results.py"


def test_a_page_has_what_its_study_has_and_says_nothing_twice(tmp_path: Path) -> None:
    write(tmp_path / "results/mine/tables", **study())
    write(tmp_path / "results/bare/tables", benchmarks=fabricated.benchmark_table())
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nstale\n{END}\nafter\n")
    write_results(tmp_path / "results", tmp_path / "docs", readme, ["mine", "bare"])
    text = readme.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "stale" not in text
    assert text.count("\n- ") == 3
    page, bare = ((tmp_path / f"docs/results/{name}.md").read_text() for name in ("mine", "bare"))
    assert "| SemAlign " in page and "results/mine/tables/main.csv" in page and "(mine/verdicts.csv)" in page
    lines = [line for line in page.splitlines() if line.startswith("- ") or len(line) > 80]
    assert len(lines) == len(set(lines))
    assert "## Scores of the models" in bare and "## Scores\n" not in bare and "verdicts" not in bare
    for match in ("nan", "undefined,", "not measured"):
        assert match not in page
    write_results(tmp_path / "results", tmp_path / "docs", readme, ["mine"])
    assert "[mine](mine.md)" in (tmp_path / "docs/results/index.md").read_text()


def test_what_is_missing_is_refused(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("nothing")
    with pytest.raises(UserError, match="found no pair of marks"):
        write_results(tmp_path, tmp_path / "docs", readme)
    readme.write_text(f"{BEGIN}{END}")
    with pytest.raises(UserError, match="found no study with tables"):
        write_results(tmp_path, tmp_path / "docs", readme)


def test_tables_need_levels() -> None:
    with pytest.raises(TypeError):
        Tables({})  # type: ignore[call-arg]
