"""The scores in the layout of the paper's tables: one row per method, one column per benchmark."""

import csv
import io
from typing import Any

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.tables.grid import grid_files

REFERENCES = ("student", "teacher")


def row(method: str, benchmark: str, score: float, p: float | None = None, **more: Any) -> dict[str, Any]:
    found = {"pair": "tiny", "method": method, "benchmark": benchmark, "score": score, "paper": None}
    found |= {"score_low": score - 4, "score_high": score + 4, "vs_student": score - 30, "vs_student_p": p}
    return found | more


ROWS = [
    row("student", "facts", 30.0),
    row("teacher", "facts", 80.0, 0.001, paper=78.5),
    row("semalign", "facts", 41.25, 0.01, paper=50.3),
    row("sft", "facts", 25.0, 0.02),
    row("student", "mixture/facts", 30.0),
    row("sft", "mixture/facts", 33.0, 0.6),
]


def test_methods_stand_in_rows_with_the_papers_figures_beside_ours() -> None:
    text = grid_files(ROWS, REFERENCES, StatisticsSettings(alpha=0.05))["scores.md"]
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]
    assert lines[0] == ["Method", "facts", "paper", "facts (in the mixture)"]
    assert lines[2:] == [
        ["student", "30.0 [26.0, 34.0]", "", "30.0 [26.0, 34.0]"],
        ["teacher", "80.0 [76.0, 84.0] ▲", "78.50", ""],
        ["semalign", "**41.2** [37.2, 45.2] ▲", "50.30", ""],
        ["sft", "25.0 [21.0, 29.0] ▼", "", "**33.0** [29.0, 37.0]"],
    ]


def test_latex_has_as_many_columns_as_it_says() -> None:
    tex = grid_files(ROWS, REFERENCES, StatisticsSettings(alpha=0.05))["scores.tex"]
    body = tex[tex.index(r"\midrule") :]
    columns = tex.split(r"\begin{tabular}{")[1].split("}")[0]
    assert columns == "lrrr"
    assert {line.count(" & ") for line in body.splitlines() if line.endswith(r"\\")} == {3}
    assert r"Method & \multicolumn{2}{c}{facts} & facts (in the mixture) \\" in tex
    assert r"\cmidrule(lr){2-3}\cmidrule(lr){4-4}" in tex and " & ours & paper & ours" in tex
    assert r"\textbf{41.2} [37.2, 45.2]\,$\uparrow$ & 50.30" in tex
    assert body.count(r"\midrule") == 2 and tex.startswith("%") and r"\bottomrule" in tex


def test_several_pairs_have_a_table_each_and_one_csv() -> None:
    rows = [*ROWS, *(given | {"pair": "other"} for given in ROWS)]
    files = grid_files(rows, REFERENCES, StatisticsSettings(alpha=0.05))
    assert files["scores.md"].count("### ") == 2 and files["scores.tex"].count(r"\toprule") == 2
    found = list(csv.DictReader(io.StringIO(files["scores.csv"])))
    assert [(line["pair"], line["method"]) for line in found][3:5] == [("tiny", "sft"), ("other", "student")]
    assert found[2]["facts score"] == "41.2500" and found[2]["facts test"] == "higher"
    assert found[2]["mixture/facts score"] == "" and found[2]["facts paper"] == "50.3000"
