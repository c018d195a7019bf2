"""The ranking on the validation split: who is first, which seed is shipped, and that test scores decide nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fabricated_cells import read_csv, write_cell

from semalign.runtime.errors import UserError
from semalign.runtime.files import write_json
from semalign.statistics.tables.stage import collect_ranking

METHODS = ["student", "sft", "kd"]
SEEN = ["a", "b", "c", "d", "e", "f", "g", "h"]


def marks(right: int) -> list[int]:
    return [int(index < right) for index in range(len(SEEN))]


def rank(
    root: Path,
    validation: dict[str, Sequence[int]],
    test: dict[str, Sequence[int]] | None = None,
    **costs: Any,
) -> list[dict[str, str]]:
    """The ranking of methods by how many of eight items each seed has right."""
    cells = []
    for method, seeds in validation.items():
        own = (test or {}).get(method, seeds)
        for seed, (right, tested) in enumerate(zip(seeds, own, strict=True)):
            name = f"p/facts/{method}/default/seed{seed}"
            cost = {"train_flops": costs.get(method), "train_seconds": 2.0 + seed, "trainable_parameters": 1}
            write_cell(root / "validation", name, marks(right), SEEN, **cost)
            cells.append(str(write_cell(root / "cells", name, marks(tested), **cost)))
    order = {"pairs": ["p"], "benchmarks": ["facts"], "methods": METHODS}
    write_json(root / "order.json", order)
    write_json(root / "statistics.json", {"resamples": 200})
    collect_ranking(cells, root / "order.json", root / "ranking.csv", root / "statistics.json")
    return read_csv(root / "ranking.csv")


def shipped(rows: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(row["method"], row["seed"]) for row in rows if row["ship"] == "1"]


def test_the_best_mean_is_first_and_its_best_seed_is_shipped(tmp_path: Path) -> None:
    rows = rank(tmp_path, {"student": [3], "sft": [5, 6], "kd": [2, 8]}, {"sft": [1, 0], "kd": [8, 8]})
    means = [(row["method"], row["rank"], float(row["validation"])) for row in rows if not row["seed"]]
    assert means == [("sft", "1", 68.75), ("kd", "2", 62.5), ("student", "3", 37.5)]
    assert shipped(rows) == [("sft", "1")]
    (best,) = [row for row in rows if row["ship"] == "1"]
    assert (float(best["validation"]), float(best["test_score"]), float(best["vs_student"])) == (
        75.0,
        0.0,
        37.5,
    )
    assert float(best["validation_low"]) < 75 < float(best["validation_high"])
    assert [row["seed"] for row in rows if row["method"] == "sft"] == ["", "1", "0"]
    assert float(best["train_seconds"]) == 3.0


def test_test_scores_decide_nothing(tmp_path: Path) -> None:
    given = {"student": [3], "sft": [5, 6], "kd": [2, 8]}
    one = shipped(rank(tmp_path / "one", given, {"kd": [8, 8], "sft": [0, 0]}))
    assert one == shipped(rank(tmp_path / "two", given, {"kd": [0, 0], "sft": [8, 8]}))


def test_of_equal_scores_the_cheaper_training_is_first(tmp_path: Path) -> None:
    given = {"student": [1], "sft": [5, 5], "kd": [5, 5]}
    assert shipped(rank(tmp_path / "a", given, sft=20, kd=10)) == [("kd", "0")]
    assert shipped(rank(tmp_path / "b", given, sft=10, kd=10)) == [("sft", "0")]


@pytest.mark.parametrize("score", [2, 4])
def test_an_untouched_student_that_nothing_beats_is_shipped(tmp_path: Path, score: int) -> None:
    rows = rank(tmp_path, {"student": [4], "sft": [score, score]}, student=0, sft=5)
    assert shipped(rows) == [("student", "0")]
    assert next(row["vs_student"] for row in rows if row["method"] == "student") == ""


def test_a_cell_that_was_not_validated_is_told(tmp_path: Path) -> None:
    cell = write_cell(tmp_path / "cells", "p/facts/sft/default/seed0", marks(3))
    write_json(tmp_path / "order.json", {"pairs": ["p"], "benchmarks": ["facts"], "methods": METHODS})
    with pytest.raises(UserError, match=r"validation/p/facts/sft/default/seed0/run\.json: no such file"):
        collect_ranking([str(cell)], tmp_path / "order.json", tmp_path / "ranking.csv")
