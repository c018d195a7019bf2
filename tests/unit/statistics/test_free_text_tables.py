"""Tables of free text: matches, bits per character, and the items that changed most."""

import csv
import io
import math
from pathlib import Path
from typing import Any

import pytest
from simulated_studies import SETTINGS

from semalign.runtime.columns import COLUMNS
from semalign.runtime.errors import UserError
from semalign.runtime.files import write_json, write_jsonl
from semalign.runtime.provenance import Run
from semalign.statistics.tables.bits import bit_rows
from semalign.statistics.tables.cells import read_cell, read_groups
from semalign.statistics.tables.changes import LONGEST, SHOWN, change_rows, cut
from semalign.statistics.tables.compare import Results, compare
from semalign.statistics.tables.free_text import free_text_rows
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.text import csv_text

ORDER = Order(pairs=["p"], benchmarks=["mine"], methods=["student", "m"])
ITEMS = 30


def item(number: int, correct: float, lenient: float, nats: float, **more: Any) -> dict[str, Any]:
    return {
        **{
            "id": f"i{number:02d}",
            "correct": correct,
            "response": f"text {number}",
            "expected": f" ref {number}",
        },
        **{"prompt": f"Q{number}?", "lenient": lenient, "token_f1": (lenient + 1) / 2},
        **{"reference_nats": nats, "reference_characters": 10, **more},
    }


def write_cell(root: Path, name: str, items: list[dict[str, Any]]) -> Path:
    folder = root / name
    write_jsonl(folder / "items.jsonl", items)
    score = 100 * sum(row["correct"] for row in items) / len(items)
    write_json(folder / "metrics.json", {"score": score, "items": len(items), "metric": "exact_match"})
    Run("evaluate").seal(folder)
    return folder


def results(root: Path, student: list[dict[str, Any]], *seeds: list[dict[str, Any]]) -> Results:
    cells = [write_cell(root, "p/mine/student/default/seed0", student)]
    cells += [write_cell(root, f"p/mine/m/default/seed{k}", items) for k, items in enumerate(seeds)]
    return compare(read_groups(cells), ORDER, SETTINGS)


def test_measures_are_means_over_items_and_seeds(tmp_path: Path) -> None:
    student = [item(i, i % 2, 1, -20.0) for i in range(ITEMS)]
    seeds = [[item(i, 1, 1, -nats) for i in range(ITEMS)] for nats in (10.0, 12.0)]
    found = results(tmp_path, student, *seeds)
    plain, method = free_text_rows(found, ORDER, SETTINGS)
    assert set(plain) == set(method) == set(COLUMNS["free_text"])
    assert (plain["exact"], plain["lenient"], plain["token_f1"]) == (50, 100, 100)
    assert (method["exact"], method["exact_vs_student"], method["seeds"]) == (100, 50, 2)
    assert method["lenient_vs_student"] == 0 and plain["lenient_vs_student"] is None
    assert plain["exact_low"] == found.scores[next(iter(found.groups))].low
    bits, fewer = bit_rows(found, ORDER, SETTINGS)
    assert bits["bits"] == pytest.approx(20 / math.log(2) / 10)
    assert fewer["vs_student"] == pytest.approx(-9 / math.log(2) / 10)


def test_benchmarks_of_another_kind_have_no_rows(tmp_path: Path) -> None:
    plain = [{"id": f"i{i}", "correct": i % 2, "prompt": "Q"} for i in range(ITEMS)]
    found = results(tmp_path, plain, plain)
    assert free_text_rows(found, ORDER, SETTINGS) == change_rows(found, ORDER) == []
    assert bit_rows(found, ORDER, SETTINGS) == []


def test_what_changed_in_the_match_comes_before_what_became_more_likely(tmp_path: Path) -> None:
    student = [item(i, 0, float(i in (0, 1)), -50.0) for i in range(ITEMS)]
    after = [item(i, 0, float(i in (1, 2, 3)), -50.0 + i) for i in range(ITEMS)]
    after[4] |= {"reference_nats": -50.0}  # the same in all: neither gained nor lost
    after[5] |= {"reference_nats": -58.0}
    every = change_rows(results(tmp_path, student, after, after), ORDER)
    assert all(set(row) == set(COLUMNS["changes"]) for row in every)
    rows, again = ([row for row in every if row["seed"] == seed] for seed in (0, 1))
    assert len(rows) + len(again) == len(every) and again == [row | {"seed": 1} for row in rows]
    gained = [row for row in rows if row["change"] == "gained"]
    lost = [row for row in rows if row["change"] == "lost"]
    assert [row["id"] for row in gained] == ["i03", "i02", *(f"i{i}" for i in range(29, 29 - SHOWN + 2, -1))]
    assert [(row["id"], row["student_match"], row["adapter_match"]) for row in lost] == [
        ("i00", 1, 0),
        ("i05", 0, 0),
    ]
    assert [row["rank"] for row in gained] == list(range(1, SHOWN + 1))
    assert (gained[0]["nats"], lost[1]["nats"], gained[0]["seed"]) == (3.0, -8.0, 0)
    assert (gained[0]["prompt"], gained[0]["reference"], gained[0]["adapter_text"]) == (
        "Q3?",
        "ref 3",
        "text 3",
    )
    written = list(csv.DictReader(io.StringIO(csv_text(COLUMNS["changes"], rows))))
    assert [row["id"] for row in written] == [row["id"] for row in rows]


def test_the_reference_is_the_whole_answer_if_a_number_is_scored(tmp_path: Path) -> None:
    student = [item(i, 0, 0, -9.0, reference=f"in all {i}") for i in range(ITEMS)]
    after = [item(i, 0, 0, -8.0, reference=f"in all {i}") for i in range(ITEMS)]
    assert change_rows(results(tmp_path, student, after), ORDER)[0]["reference"] == "in all 0"


@pytest.mark.parametrize(
    ("text", "end", "expected"),
    [
        (" short ", False, "short"),
        ("a" * 301, False, "a" * 299 + "…"),
        ("b" + "a" * 300, True, "…" + "a" * 299),
        ("a\r\nb\0c\x1bd", False, "a\nb\ufffdc\ufffdd"),
        ("日本\u200b", False, "日本\u200b"),
    ],
)
def test_a_text_is_cut_at_a_length_and_holds_no_control_characters(
    text: str, end: bool, expected: str
) -> None:
    assert cut(text, end) == expected
    assert len(cut(text, end)) <= LONGEST


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"lenient": 2}, "lenient is 2, expected 0 to 1"),
        ({"token_f1": None}, "token_f1 is None, expected 0 to 1"),
        ({"reference_characters": 0}, "in 0 characters, expected a number and a count"),
    ],
)
def test_measures_out_of_range_are_refused(tmp_path: Path, wrong: dict[str, Any], message: str) -> None:
    items = [item(0, 1, 1, -3.0) | wrong]
    with pytest.raises(UserError, match=message):
        read_cell(write_cell(tmp_path, "p/mine/m/default/seed0", items))
