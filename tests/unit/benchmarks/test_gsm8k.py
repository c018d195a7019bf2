"""GSM8K: splits from its train part, the solution in words, the official test set."""

from pathlib import Path

import pytest
from fabricated_mirror import problem, write_fabricated

from semalign.benchmarks.base import Prepared
from semalign.benchmarks.gsm8k import build, example
from semalign.config.base import SPLITS
from semalign.config.benchmarks import RealBenchmark
from semalign.runtime.errors import UserError

SMALL = RealBenchmark(benchmark="gsm8k", train=30, extract=4, align=6, validation=8, verify=False)


@pytest.fixture
def mirror(tmp_path: Path) -> str:
    return str(write_fabricated(tmp_path / "mirror"))


def changed(settings: RealBenchmark, **changes: object) -> RealBenchmark:
    return settings.model_copy(update=changes)


def ids(prepared: Prepared, split: str) -> list[str]:
    return [item.id for item in prepared.splits[split]]  # type: ignore[index]


@pytest.fixture(autouse=True)
def small_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"train": 40, "extract": 8, "align": 10, "validation": 12}
    monkeypatch.setattr("semalign.benchmarks.gsm8k.SIZES", sizes)


def test_an_item_has_the_solution_without_marks_and_its_result_in_words() -> None:
    item = example(problem(7, "train"), "train-0007")
    assert item.prompt == (
        "Answer the following question.\n\n"
        "Question: In train Ann had 7 hats and got 1000 more. How many hats?\nAnswer:"
    )
    assert item.answer == " She has 7+1000=1007 hats.\nSo the answer is 1007."
    assert item.target == "1007"
    assert item.fields is not None and item.fields["solution"].endswith("#### 1,007")


def test_an_answer_without_a_result_is_refused() -> None:
    with pytest.raises(UserError, match="gsm8k: train-0001: found no result after ####"):
        example({"question": "?", "answer": "It is 3."}, "train-0001")


def test_splits_are_disjoint_and_test_is_the_official_one(mirror: str) -> None:
    prepared = build(SMALL, mirror)
    assert {split: len(items) for split, items in prepared.splits.items()} == {
        "train": 30, "extract": 4, "align": 6, "validation": 8, "test": 12
    }  # fmt: skip
    every = [item for split in SPLITS for item in prepared.splits[split]]
    assert len({item.prompt for item in every}) == len({item.id for item in every}) == len(every)
    assert ids(prepared, "test") == [f"gsm8k-test-test-{i:04}" for i in range(12)]
    assert all("-train-" in item.id for split in SPLITS[:4] for item in prepared.splits[split])
    assert [item.id for item in prepared.shots] == [f"train-{i:04}" for i in range(80)]
    assert prepared.origin["gsm8k"]["source"] == "mirror"
    assert prepared.origin["gsm8k"]["parts"]["test"]["rows"] == 12


def test_the_seed_decides_and_sizes_move_nothing_else(mirror: str) -> None:
    first, again = build(SMALL, mirror), build(SMALL, mirror)
    assert first.splits == again.splits
    assert ids(build(changed(SMALL, seed=1), mirror), "train") != ids(first, "train")
    other = build(changed(SMALL, train=20, extract=2, align=10, test=5), mirror)
    assert ids(other, "train") == ids(first, "train")[:20]
    assert ids(other, "extract") == ids(first, "extract")[:2]
    assert ids(other, "align")[:6] == ids(first, "align")
    assert ids(other, "validation") == ids(first, "validation")


def test_a_part_of_the_test_set_is_fixed_and_grows_in_its_order(mirror: str) -> None:
    few, more = (ids(build(changed(SMALL, test=size), mirror), "test") for size in (3, 7))
    assert len(few) == 3 and set(few) < set(more) and sorted(more) == more
    assert few != [f"gsm8k-test-test-{i:04}" for i in range(3)]
    with pytest.raises(UserError, match="found 12 examples in the official set, expected at least 13"):
        build(changed(SMALL, test=13), mirror)


def test_too_many_are_refused_but_the_paper_s_train_is_what_is_left(
    mirror: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="gsm8k: train: found only 50 examples left, expected 60"):
        build(changed(SMALL, train=60), mirror)
    sizes = {"train": 1000, "extract": 8, "align": 10, "validation": 12}
    monkeypatch.setattr("semalign.benchmarks.gsm8k.SIZES", sizes)
    assert len(build(changed(SMALL, train=None), mirror).splits["train"]) == 50
