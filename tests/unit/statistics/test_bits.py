"""Bits per character, from which likelihood scores are computed."""

from pathlib import Path

import pytest
from simulated_studies import SETTINGS

from semalign.evaluation.likelihood import METRIC
from semalign.report.display import bits_table
from semalign.report.reading import read_tables
from semalign.runtime.columns import COLUMNS
from semalign.runtime.files import write_json, write_jsonl, write_text
from semalign.runtime.provenance import Run
from semalign.statistics.tables.bits import bit_rows
from semalign.statistics.tables.cells import read_groups
from semalign.statistics.tables.compare import compare
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.rows import Row
from semalign.statistics.tables.text import csv_text

STUDENT = [1.0, 1.2, 0.8, 1.1, 0.9, 1.0]


def write_cell(root: Path, name: str, spent: list[float]) -> Path:
    """Write a sealed cell of a mixture: likelihoods of these bits, and as many items of another metric, all right."""
    items = [{"id": f"l{i}", "correct": 2**-bits, "part": "likely"} for i, bits in enumerate(spent)]
    items += [{"id": f"c{i}", "correct": 1, "part": "right"} for i in range(len(spent))]
    mean = 100 * sum(item["correct"] for item in items) / len(items)
    parts = {"likely": {"metric": METRIC}, "right": {"metric": "exact_match"}}
    folder = root / name
    write_jsonl(folder / "items.jsonl", items)
    write_json(
        folder / "metrics.json",
        {"score": mean, "items": len(items), "metric": "mean of parts", "parts": parts},
    )
    Run("evaluate").seal(folder)
    return folder


def rows(root: Path) -> list[Row]:
    cells = [
        write_cell(root, "p/mixture/student/default/seed0", STUDENT),
        write_cell(root, "p/mixture/m/default/seed0", [bits - 0.3 for bits in STUDENT]),
        write_cell(root, "p/mixture/m/default/seed1", [bits - 0.1 for bits in STUDENT]),
    ]
    order = Order(
        pairs=["p"], benchmarks=["mixture"], methods=["student", "m"], parts={"mixture": ["likely", "right"]}
    )
    return bit_rows(compare(read_groups(cells), order, SETTINGS), order, SETTINGS)


def test_only_what_scores_likelihood_has_bits(tmp_path: Path) -> None:
    student, method = found = rows(tmp_path)
    assert all(set(row) == set(COLUMNS["bits"]) for row in found)
    assert {row["benchmark"] for row in found} == {"mixture/likely"}
    assert (method["seeds"], method["items"]) == (2, 6)
    assert student["bits"] == pytest.approx(1.0) and student["vs_student"] is None
    assert method["bits"] == pytest.approx(0.8)
    assert method["vs_student"] == pytest.approx(-0.2)
    assert method["bits_low"] < 0.8 < method["bits_high"]


def test_a_reader_sees_intervals_and_marks(tmp_path: Path) -> None:
    given = rows(tmp_path)
    given[1] |= {"vs_student_low": -0.3, "vs_student_high": -0.1}
    write_text(tmp_path / "bits.csv", csv_text(COLUMNS["bits"], given))
    shown = bits_table(read_tables(tmp_path, ["bits"]))
    student, method = shown.iloc[:, -1]
    assert student.startswith("1.000 [") and not student.endswith("▼")
    assert method.startswith("0.800 [") and method.endswith("▼")
