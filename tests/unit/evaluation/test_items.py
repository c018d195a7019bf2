"""Item records and the metrics computed from them."""

from dataclasses import replace
from pathlib import Path

import pytest

from semalign.evaluation.items import ItemRecord, read_items, summarise, write_items
from semalign.runtime.errors import UserError

RIGHT = ItemRecord("a", 1.0, "x", "x", None, 0.5, 1.0, 1)
WRONG = ItemRecord("b", 0.0, "y", "x", "failed", 0.1, 0.5, 3)


def test_records_survive_storage(tmp_path: Path) -> None:
    write_items(tmp_path / "items.jsonl", [RIGHT, WRONG])
    assert read_items(tmp_path / "items.jsonl") == [RIGHT, WRONG]


def test_foreign_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text('{"name": 1}\n')
    with pytest.raises(UserError, match="item records"):
        read_items(tmp_path / "items.jsonl")


def test_summary_of_known_records() -> None:
    metrics = summarise([RIGHT, WRONG, WRONG, WRONG], {"sums": "pass@1"})
    assert metrics["score"] == 25.0
    # sample variance of (1, 0, 0, 0) is 1/4; over 4 items the standard error is 1/4
    assert metrics["score_stderr"] == pytest.approx(25.0)
    assert metrics["items"] == 4
    assert metrics["teacher_kl"] == pytest.approx((0.5 * 1 + 3 * 0.1 * 3) / 10)
    assert metrics["teacher_agreement"] == pytest.approx(100 * (1 + 3 * 0.5 * 3) / 10)


def test_summary_without_a_teacher() -> None:
    metrics = summarise([ItemRecord("a", 1.0, "x", "x")], {"sums": "accuracy"})
    assert metrics["teacher_kl"] is None
    assert metrics["teacher_agreement"] is None
    assert metrics["score_stderr"] == 0


@pytest.mark.parametrize("records", [[], [ItemRecord("a", None, "x", "x")]])
def test_summary_refuses_missing_verdicts(records: list[ItemRecord]) -> None:
    with pytest.raises(UserError, match="expected all"):
        summarise(records, {"sums": "pass@1"})


def test_the_parts_of_a_mixture_weigh_alike() -> None:
    one = [replace(RIGHT, id="a", part="sums"), replace(WRONG, id="b", part="sums")]
    other = [replace(WRONG, id=str(number), part="facts") for number in range(6)]
    metrics = summarise([*one, *other], {"sums": "exact_match", "facts": "accuracy"})
    assert metrics["score"] == 25.0
    assert {name: part["score"] for name, part in metrics["parts"].items()} == {"sums": 50.0, "facts": 0.0}
    assert metrics["parts"]["facts"]["metric"] == "accuracy"
    # the parts are independent samples: sd of (50 +- 50) / 2
    assert metrics["score_stderr"] == pytest.approx(metrics["parts"]["sums"]["score_stderr"] / 2)
    assert metrics["items"] == 8
