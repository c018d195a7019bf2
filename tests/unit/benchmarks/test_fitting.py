"""Leaving out examples that a model's context does not hold."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from semalign.benchmarks.base import Example, Prepared, read_split
from semalign.benchmarks.fitting import Reader, Room, leave_out
from semalign.benchmarks.stage import Readers, prepare_benchmark
from semalign.config.base import SPLITS
from semalign.config.benchmarks import RealBenchmark
from semalign.models.loading import load_tokenizer
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import RECORD


def item(prompt: int, answer: int, **fields: Any) -> Example:
    return Example(f"{prompt}-{answer}", "p" * prompt, "a" * answer, **fields)


@pytest.fixture
def readers(pico_pair: tuple[Path, Path]) -> list[Reader]:
    """Two models that read one token per byte, with contexts of 100 and 80."""
    tokenizer = load_tokenizer(pico_pair[0])
    return [Reader("wide", tokenizer, 100), Reader("narrow", tokenizer, 80)]


@pytest.mark.parametrize(
    ("items", "new_tokens", "held"),
    [
        ([item(40, 39), item(40, 40)], 10, [True, False]),  # eos is a token, too
        ([item(40, 5), item(71, 5)], 10, [True, False]),
        ([item(71, 5, choices=[" a"], gold=0)], 10, [True]),
        (
            [item(40, 20), item(60, 5), item(10, 90)],
            None,
            [True, False, False],
        ),  # room for the longest that fits
        ([item(40, 20), item(59, 5)], None, [True, True]),
        ([item(90, 5)], None, [False]),
    ],
)
def test_the_smallest_context_decides(
    readers: list[Reader], items: list[Example], new_tokens: int | None, held: list[bool]
) -> None:
    assert Room(readers, new_tokens).holds(items) == held


def test_a_published_benchmark_loses_what_does_not_fit(readers: list[Reader]) -> None:
    splits = {split: [item(10, 5), item(200, 5)] for split in SPLITS}
    kept = leave_out("b", Prepared(splits), RealBenchmark(benchmark="mbpp"), Room(readers, 10))
    assert all(items == [item(10, 5)] for items in kept.splits.values())
    assert kept.origin["too_long"] == ["200-5"] * 5


@pytest.mark.parametrize(("options", "wanted"), [({"test": 2}, 2), ({}, 1)])
def test_a_split_that_becomes_too_small_is_refused(
    readers: list[Reader], options: dict[str, int], wanted: int
) -> None:
    rows = [item(10, 5), item(200, 5)] if options else [item(200, 5)]
    splits = dict.fromkeys(SPLITS, rows)
    with pytest.raises(UserError, match=f"examples that fit into the models' contexts, expected {wanted}"):
        leave_out("b", Prepared(splits), RealBenchmark(benchmark="mbpp", **options), Room(readers, 10))


@pytest.mark.parametrize("separate", [False, True])
def test_own_rows_are_left_out_before_the_splits_are_drawn(
    sealed_pair: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture, separate: bool
) -> None:
    rows = [{"prompt": f"{n}" + "w" * (300 if n % 4 == 0 else 3), "answer": "yes"} for n in range(40)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings: dict[str, Any] = {"path": str(path), "too_long": "leave-out"}
    if separate:
        other = tmp_path / "test.jsonl"
        other.write_text(
            "".join(json.dumps(row | {"prompt": "t" + row["prompt"]}) + "\n" for row in rows[:8])
        )
        settings["test_path"] = str(other)
    write_json(tmp_path / "settings.json", settings)
    write_json(tmp_path / "fitting.json", {"readers": ["teacher", "student"], "new_tokens": None})
    readers = Readers(sealed_pair, tmp_path / "fitting.json")
    with caplog.at_level(logging.INFO):
        prepare_benchmark("mine", tmp_path / "settings.json", tmp_path / "out", readers=readers)
    splits = {split: read_split(tmp_path / "out", split) for split in SPLITS}
    assert all(len(row.prompt) < 20 for items in splits.values() for row in items)
    assert sum(map(len, splits.values())) == 30 + 6 * separate
    record = read_json(tmp_path / "out" / RECORD)
    assert len(record["origin"]["too_long"]) == 10 + 2 * separate
    assert {"fitting", "model teacher", "model student"} <= record["inputs"].keys()
    assert f"benchmark mine: {10 + 2 * separate} examples left out" in caplog.text
