"""The items that changed most, and the table of free text, on the page of a study."""

import html
import re
from pathlib import Path
from typing import Any

import fabricated_tables as fabricated
import pandas as pd
import pytest

from semalign.report.changes import best_method, changed_items
from semalign.report.display import free_text_table
from semalign.report.index import build
from semalign.report.levels import STANDARD
from semalign.report.reading import Tables, read_tables
from semalign.report.stage import Listed
from semalign.runtime.columns import COLUMNS
from semalign.statistics.tables.text import csv_text

KEYS = {"pair": "tiny", "benchmark": "facts", "variant": "default"}
FACTS: dict[str, Any] = {
    **{"study": "s", "seeds": [0], "benchmarks": ["facts"], "models": {}},
    "pairs": {"tiny": {"teacher": "large", "student": "small"}},
}
ODD = "=1+1, \"<b>\"\n'x'"


def change(method: str, side: str, rank: int, **more: Any) -> dict[str, Any]:
    row = {**KEYS, "method": method, "seed": 0, "change": side, "rank": rank, "id": "1e5", "prompt": "007"}
    row |= {"reference": "none", "student_text": None, "adapter_text": ODD}
    row |= {"student_match": 0, "adapter_match": 1, "nats": 2.0}
    return row | more


def moved(columns: list[str], value: float) -> dict[str, float]:
    return {name: value + at for at, name in enumerate(columns)}


def rows_of(name: str) -> list[dict[str, Any]]:
    """A student and two methods in a table of measures."""
    numbers = [column for column in COLUMNS[name] if column not in (*KEYS, "method", "seeds", "items")]
    rows = []
    for value, method in ((1.0, "student"), (3.0, "semalign"), (2.0, "sft")):
        row: dict[str, Any] = {**KEYS, "method": method, "seeds": 3, "items": 50}
        row |= dict.fromkeys(numbers, value)
        row |= dict.fromkeys([c for c in numbers if "vs_student" in c], None if method == "student" else 0.5)
        rows.append(row)
    return rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The tables of a study with free text."""
    changes = [
        change("semalign", "lost", 1, student_match=1, adapter_match=0, nats=-3.25),
        change("semalign", "gained", 2, adapter_match=0, nats=0.5, prompt="second"),
        change("semalign", "gained", 1),
        change("sft", "gained", 1, prompt="other"),
    ]
    tables = {"changes": changes, **{name: rows_of(name) for name in ("free_text", "bits", "agreement")}}
    fabricated.write_study(tmp_path / "tables")
    for name, rows in tables.items():
        (tmp_path / f"tables/{name}.csv").write_text(csv_text(COLUMNS[name], rows))
    return tmp_path / "tables"


def with_scores(folder: Path, name: str, **scores: float) -> Tables:
    """The changes, and one table with these scores of methods."""
    rows = [{**KEYS, "method": method, "score": score} for method, score in scores.items()]
    return Tables(
        {"changes": read_tables(folder, ["changes"])["changes"], name: pd.DataFrame(rows)}, STANDARD
    )


def test_items_are_sorted_by_rank_and_texts_stay_texts(folder: Path) -> None:
    [entry] = changed_items(with_scores(folder, "main", semalign=50, sft=40))
    assert (entry["method"], entry["seed"], entry["split"]) == ("SemAlign", 0, "test")
    gained, lost = (side["items"] for side in entry["sides"])
    assert [item["prompt"] for item in gained] == ["007", "second"]
    assert gained[0] == {
        **{"prompt": "007", "reference": "none", "student_text": "", "adapter_text": ODD},
        **{"match": "wrong → right", "nats": "+2.0"},
    }
    assert (gained[1]["match"], lost[0]["match"], lost[0]["nats"]) == ("wrong", "right → wrong", "−3.2")


def test_the_method_is_chosen_on_validation_before_test(folder: Path) -> None:
    found = with_scores(folder, "main", semalign=50, sft=40)
    found["search"] = pd.DataFrame(
        [{**KEYS, "method": name, "score": score} for name, score in (("semalign", 1), ("sft", 2))]
    )
    assert best_method(found, "tiny", "facts", ["semalign", "sft"]) == ("sft", "validation")
    ranked = [("semalign", None, 3.0), ("semalign", 0, 9.0), ("sft", None, 2.0), ("sft", 0, 2.0)]
    places = {"pair": "tiny", "benchmark": "facts"}
    found["ranking"] = pd.DataFrame(
        [{**places, "method": name, "seed": seed, "validation": score} for name, seed, score in ranked]
    )
    assert best_method(found, "tiny", "facts", ["semalign", "sft"]) == ("semalign", "validation")
    del found["ranking"]
    found["search"] = found["search"][:1]  # one of them was not searched
    assert best_method(found, "tiny", "facts", ["semalign", "sft"]) == ("semalign", "test")
    assert best_method(found, "tiny", "other", ["sft"]) == ("sft", "")
    assert best_method(found, "tiny", "facts", ["semalign-random-map", "sft"]) == ("sft", "test")


def test_the_seed_is_the_one_to_ship(folder: Path) -> None:
    found = with_scores(folder, "main", semalign=50, sft=40)
    again = found["changes"].assign(seed=2, prompt="of seed 2")
    found["changes"] = pd.concat([found["changes"], again])
    assert {entry["seed"] for entry in changed_items(found)} == {0}
    ranked = [
        ("semalign", None, 1, 3.0),
        ("semalign", 0, 2, 2.0),
        ("semalign", 2, 1, 4.0),
        ("sft", None, 2, 2.0),
    ]
    found["ranking"] = pd.DataFrame(
        [
            {
                "pair": "tiny",
                "benchmark": "facts",
                "method": name,
                "seed": seed,
                "rank": rank,
                "validation": score,
            }
            for name, seed, rank, score in ranked
        ]
    )
    [entry] = changed_items(found)
    assert entry["seed"] == 2
    assert {item["prompt"] for side in entry["sides"] for item in side["items"]} == {"of seed 2"}


def test_a_table_joins_all_measures_of_free_text(folder: Path) -> None:
    shown = free_text_table(read_tables(folder, ["free_text", "bits", "agreement"]))
    assert list(shown) == [
        *("method", "exact match (%)", "lenient match (%)", "token F1 (%)", "bits per character"),
        "agreement with the teacher (%)",
    ]
    assert list(shown["method"]) == ["student", "SemAlign", "SFT"]
    assert shown["bits per character"][0] == "1.000"
    assert shown["lenient match (%)"][1].startswith("3.0 (+0.5 [+0.5, +0.5])")
    assert free_text_table(Tables({}, STANDARD)).empty


def test_the_page_shows_both_and_escapes_the_texts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    names = ("main", "free_text", "bits", "agreement", "changes")
    tables = [Path("tables") / f"{name}.csv" for name in names]
    page, _ = build(FACTS, [], Path("index.html"), Listed(tables=tables))
    assert "<h2>Free text</h2>" in page and "Items that changed most" in page
    assert '<b>"' not in page and html.escape(ODD) in page.replace("&#34;", "&quot;").replace(
        "&#39;", "&#x27;"
    )
    assert "SemAlign, seed 0" in page or "SFT, seed 0" in page
    assert re.search(r"<td>right → wrong</td><td>−3.2</td>|<b>Lost</b>: none", page)
    plain, _ = build(FACTS, [], Path("index.html"), Listed(tables=tables[:1]))
    assert "Free text" not in plain and "changed most" not in plain
