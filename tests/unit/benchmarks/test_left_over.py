"""Items that no split uses are in heal.jsonl, which shares none with the splits or the official test set."""

from pathlib import Path

import pytest
from fabricated_mirror import write_fabricated

from semalign.benchmarks.base import Example, write_prepared
from semalign.benchmarks.document_files import read_documents
from semalign.benchmarks.left_over import left_over
from semalign.benchmarks.registry import prepare
from semalign.config.benchmarks import RealBenchmark


def test_what_a_split_drew_is_not_left() -> None:
    items = [Example(name, name, " x") for name in "abcd"]
    found = left_over("sums", {"train": items[:1], "test": items[3:]}, items[:3], items[3:])
    assert [item.id for item in found] == ["sums-heal-b", "sums-heal-c"]


@pytest.mark.parametrize("name", ["gsm8k", "mbpp"])
def test_left_over_items_are_apart_from_all_splits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    sizes = {"train": 4, "extract": 2, "align": 2, "validation": 2}
    monkeypatch.setattr(f"semalign.benchmarks.{name}.SIZES", sizes)
    settings = RealBenchmark(benchmark=name, **sizes, verify=False)  # type: ignore[arg-type]
    prepared = prepare(name, settings, str(write_fabricated(tmp_path / "mirror")))
    drawn = {item.prompt for items in prepared.splits.values() for item in items}
    assert prepared.heal
    assert drawn.isdisjoint(item.prompt for item in prepared.heal)
    write_prepared(tmp_path / "out", prepared)
    assert read_documents(tmp_path / "out" / "heal.jsonl") == [
        item.prompt + item.answer for item in prepared.heal
    ]
