"""The ladder: every rung against the one below it, with a correction per measure."""

import csv
from pathlib import Path

import numpy as np
import pytest
from compared_cells import TOKENS, write_compared
from fabricated_cells import read_csv, write_tables
from statsmodels.stats.multitest import multipletests

from semalign.config.analysis import Ladder
from semalign.config.statistics import StatisticsSettings
from semalign.runtime.columns import COLUMNS
from semalign.statistics.paired import paired_difference
from semalign.statistics.tables.agreement import agreement_rows, fidelity
from semalign.statistics.tables.cells import Key, read_groups
from semalign.statistics.tables.collect import table_texts
from semalign.statistics.tables.compare import compare
from semalign.statistics.tables.ladder import ladder_rows
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.rows import Row, sorted_groups

SETTINGS = StatisticsSettings(resamples=400)
RUNGS = ["low", "student", "mid", "high"]
CHANCES = {"low": 0.1, "student": 0.35, "mid": 0.5, "high": 0.8}
MEASURES = ("score", "kl", "agreement")


def order_of(rungs: list[str] = RUNGS, **more: object) -> Order:
    ladder = Ladder.model_validate({"rungs": rungs, **more})
    return Order(
        pairs=["p"],
        benchmarks=["a", "b"],
        methods=["student", *sorted({*RUNGS} - {"student"})],
        ladder=ladder,
    )


def write_rungs(root: Path, benchmarks: tuple[str, ...] = ("a", "b"), seeds: int = 2) -> list[Path]:
    """Cells of all rungs on some benchmarks; a higher score comes with a lower KL."""
    cells = []
    for benchmark in benchmarks:
        rng = np.random.default_rng(ord(benchmark))
        for method, chance in CHANCES.items():
            for seed in range(1 if method == "student" else seeds):
                correct = (rng.random(40) < chance).astype(int).tolist()
                kl = (rng.gamma(4, 0.25, 40) * (1.2 - chance)).tolist()
                cells.append(write_compared(root, f"p/{benchmark}/{method}/default/seed{seed}", correct, kl))
    return cells


def rows_of(cells: list[Path], order: Order) -> list[Row]:
    return ladder_rows(compare(sorted_groups(read_groups(cells), order), order, SETTINGS), order, SETTINGS)


def test_a_step_is_the_paired_difference_from_the_rung_below(tmp_path: Path) -> None:
    cells, order = write_rungs(tmp_path), order_of()
    groups, rows = read_groups(cells), rows_of(cells, order)
    assert [(row["benchmark"], row["rung"], row["method"], row["below"]) for row in rows] == [
        (benchmark, number, method, below)
        for benchmark in ("a", "b")
        for number, (method, below) in enumerate(zip(RUNGS, [None, *RUNGS], strict=False), start=1)
    ]
    assert all(set(row) == set(COLUMNS["ladder"]) for row in rows)
    for row in rows:
        if row["below"] is None:
            assert all(
                row[f"{name}_vs_below"] is row[f"{name}_p"] is row[f"{name}_p_holm"] is None
                for name in MEASURES
            )
            continue
        one, other = (
            groups[Key("p", row["benchmark"], row[side], "default")] for side in ("method", "below")
        )
        for measure, sides in (
            ("score", (one.scores, other.scores)),
            ("kl", (fidelity(one, "kl"), fidelity(other, "kl"))),
            ("agreement", (fidelity(one, "agreement"), fidelity(other, "agreement"))),
        ):
            found = paired_difference(*sides, SETTINGS)
            bounds = [row[f"{measure}_vs_below{end}"] for end in ("", "_low", "_high")]
            assert bounds == pytest.approx([found.estimate, found.low, found.high])
            assert row[f"{measure}_p"] == pytest.approx(found.p)


def test_kl_is_a_mean_over_tokens(tmp_path: Path) -> None:
    kl = {
        "student": [0.8, 1.0, 0.6, 0.9, 0.7, 0.5, 0.4, 0.3],
        "mid": [0.4, 0.6, 0.2, 0.5, 0.3, 0.5, 0.1, 0.2],
    }
    cells = [
        write_compared(tmp_path, f"p/a/{name}/default/seed0", [0, 1] * 4, own) for name, own in kl.items()
    ]
    student, mid = rows_of(cells, order_of(["student", "mid"]))
    means = {name: np.average(own, weights=TOKENS) for name, own in kl.items()}
    assert student["teacher_kl"] == pytest.approx(means["student"])
    assert mid["kl_vs_below"] == pytest.approx(means["mid"] - means["student"])
    assert mid["agreement_vs_below"] == pytest.approx(-25 * mid["kl_vs_below"])
    assert mid["score_vs_below"] == 0 and mid["score_p"] == 1


def test_values_are_those_of_the_other_tables(tmp_path: Path) -> None:
    cells, order = write_rungs(tmp_path, ("a",)), order_of()
    results = compare(sorted_groups(read_groups(cells), order), order, SETTINGS)
    near = {row["method"]: row for row in agreement_rows(results, order, SETTINGS)}
    for row in ladder_rows(results, order, SETTINGS):
        key = Key("p", "a", row["method"], "default")
        assert (row["score"], row["score_low"]) == (results.scores[key].estimate, results.scores[key].low)
        for name in ("teacher_kl", "teacher_kl_high", "teacher_agreement_low", "teacher_agreement"):
            assert row[name] == near[row["method"]][name]


def test_each_measure_is_corrected_over_the_whole_table(tmp_path: Path) -> None:
    rows = [row for row in rows_of(write_rungs(tmp_path), order_of()) if row["below"]]
    assert len(rows) == 6
    for measure in MEASURES:
        raw = [row[f"{measure}_p"] for row in rows]
        stepped = multipletests(raw, method="holm")[1].tolist()
        assert [row[f"{measure}_p_holm"] for row in rows] == stepped != raw


def test_a_method_without_cells_is_no_rung(tmp_path: Path) -> None:
    cells = [cell for cell in write_rungs(tmp_path, ("a",)) if "/mid/" not in str(cell)]
    rows = rows_of(cells, order_of())
    assert [(row["rung"], row["method"], row["below"]) for row in rows] == [
        (1, "low", None),
        (2, "student", "low"),
        (4, "high", "student"),
    ]


def test_a_method_that_is_only_a_rung_is_in_no_other_table(tmp_path: Path) -> None:
    """Its tests are a family of their own, so that it changes no other test; nor is it anyone's best baseline."""
    cells = write_rungs(tmp_path)
    methods = ["student", "mid", "low", "high"]
    plain = Order(pairs=["p"], benchmarks=["a", "b"], methods=methods, ladder=Ladder(rungs=RUNGS))
    with_rungs = plain.model_copy(update={"rungs": ["low", "high"]})
    tables = {
        name: table_texts(compare(sorted_groups(read_groups(own), order), order, SETTINGS), order, SETTINGS)
        for name, own, order in (
            ("rungs", cells, with_rungs),
            ("without", [cell for cell in cells if not {"low", "high"} & set(cell.parts)], plain),
            ("plain", cells, plain),
        )
    }
    for name in (
        "main.csv",
        "main.md",
        "agreement.csv",
        "parts.csv",
        "costs.csv",
        "scores.md",
        "detectable.csv",
    ):
        assert tables["rungs"][name] == tables["without"][name], name
    assert tables["rungs"]["ladder.csv"] == tables["plain"]["ladder.csv"]
    rows = list(csv.DictReader(tables["rungs"]["comparisons.csv"].splitlines()))
    of_rungs = [row for row in rows if row["table"] == "ladder"]
    assert {(row["method"], row["against"]) for row in of_rungs} == {("low", "student"), ("high", "student")}
    raw = [float(row["p"]) for row in of_rungs]
    corrected = multipletests(raw, method="holm")[1]
    assert [float(row["p_holm"]) for row in of_rungs] == pytest.approx(corrected, rel=1e-3, abs=1e-5)
    assert not {row["baseline"] for row in rows} & {"low", "high"}


def test_the_config_chooses_benchmarks_and_rungs(tmp_path: Path) -> None:
    cells = write_rungs(tmp_path)
    assert {row["benchmark"] for row in rows_of(cells, order_of(benchmarks=["b"]))} == {"b"}
    assert [row["method"] for row in rows_of(cells, order_of(["high", "low"]))] == ["high", "low"] * 2
    assert rows_of(cells, order_of([])) == []


def test_the_parts_of_a_mixture_follow_it(tmp_path: Path) -> None:
    parts = ["x", "y"] * 4
    cells = [
        write_compared(tmp_path, f"p/a/{name}/default/seed0", right, [0.5] * 8, parts=parts)
        for name, right in (("student", [0] * 8), ("mid", [0, 1] * 4))
    ]
    order = order_of(["student", "mid"]).model_copy(update={"parts": {"a": ["x", "y"]}})
    rows = rows_of(cells, order)
    assert [row["benchmark"] for row in rows] == ["a", "a", "a/x", "a/x", "a/y", "a/y"]
    assert [row["score_vs_below"] for row in rows[1::2]] == [50, 0, 100]


def test_a_rung_that_was_not_compared_has_only_a_score(tmp_path: Path) -> None:
    cells = [
        write_compared(tmp_path, "p/a/low/default/seed0", [0] * 8, [0.5] * 8),
        write_compared(tmp_path, "p/a/mid/default/seed0", [0, 1] * 4),
        write_compared(tmp_path, "p/a/high/default/seed0", [1] * 8, [0.1] * 8),
    ]
    low, mid, high = rows_of(cells, order_of())
    assert (low["teacher_kl"], mid["teacher_kl"], high["teacher_kl"]) == (
        pytest.approx(0.5),
        None,
        pytest.approx(0.1),
    )
    assert mid["kl_p"] is high["kl_vs_below"] is high["agreement_p_holm"] is None
    assert mid["score_p_holm"] == 2 * mid["score_p"] < high["score_p"] * 3


def test_the_file_has_p_values_with_six_decimals(tmp_path: Path) -> None:
    write_tables(write_rungs(tmp_path / "cells"), order_of(), SETTINGS, tmp_path / "tables")
    rows = read_csv(tmp_path / "tables" / "ladder.csv")
    assert list(rows[0]) == list(COLUMNS["ladder"]) and len(rows) == 8
    assert rows[0]["below"] == rows[0]["score_p_holm"] == ""
    assert len(rows[1]["score_p_holm"].partition(".")[2]) == len(rows[1]["kl_p"].partition(".")[2]) == 6
