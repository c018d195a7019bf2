"""The published benchmarks themselves, if SEMALIGN_MIRROR names a mirror of them."""

import csv
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from fabricated_mirror import write_hub

from semalign.benchmarks.base import Example, Prepared
from semalign.benchmarks.command import check, source_of
from semalign.benchmarks.hub import fetch
from semalign.benchmarks.mirror import read_mirror, write_mirror
from semalign.benchmarks.registry import PUBLISHED, prepare
from semalign.benchmarks.source import verify
from semalign.config.base import SPLITS
from semalign.config.benchmarks import RealBenchmark

MIRROR = os.environ.get("SEMALIGN_MIRROR", "")
pytestmark = pytest.mark.skipif(
    not MIRROR, reason="SEMALIGN_MIRROR names no mirror of the published benchmarks"
)

SIZES = {
    "mmlu": {"train": 1000, "extract": 20, "align": 80, "validation": 200, "test": 14042},
    "gsm8k": {"train": 1000, "extract": 20, "align": 80, "validation": 200, "test": 1319},
    "humaneval": {"train": 254, "extract": 20, "align": 80, "validation": 80, "test": 164},
    "mbpp": {"train": 284, "extract": 32, "align": 40, "validation": 80, "test": 500},
}
# benchmark -> pool -> (same text as a test item, 13 words shared with one, repeats an earlier item)
DROPPED = {
    "mmlu": {"pool": (33, 160, 4)},
    "gsm8k": {"pool": (0, 4, 0)},
    "humaneval": {"pool": (6, 12, 2), "validation pool": (1, 3, 3)},
    "mbpp": {"pool": (5, 12, 1), "validation pool": (0, 3, 3)},
}


@pytest.fixture(scope="module")
def prepared() -> dict[str, Prepared]:
    return {name: prepare(name, RealBenchmark(benchmark=name)) for name in PUBLISHED}


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_and_what_was_dropped(prepared: dict[str, Prepared], name: str) -> None:
    splits, origin = prepared[name].splits, prepared[name].origin
    assert {split: len(items) for split, items in splits.items()} == SIZES[name]
    dropped = {pool: tuple(map(len, found.values())) for pool, found in origin["overlap"]["dropped"].items()}
    assert dropped == DROPPED[name]
    assert origin[name]["verified"] and origin[name]["source"] == "mirror"
    assert len(prepared[name].shots) == {"mmlu": 285, "gsm8k": 7473, "humaneval": 0, "mbpp": 3}[name]


def asked(item: Example) -> str:
    """The question of an item, extracted in another way than in the code."""
    fields = item.fields or {}
    text = fields.get("question") or fields.get("description") or fields.get("text") or item.prompt
    return "".join(filter(str.isalnum, (text + "".join(sorted(fields.get("options", [])))).lower()))


@pytest.mark.parametrize("name", PUBLISHED)
def test_no_question_is_in_two_splits(prepared: dict[str, Prepared], name: str) -> None:
    seen: dict[str, str] = {}
    for split in SPLITS:
        for item in prepared[name].splits[split]:
            assert seen.setdefault(asked(item), split) == split, item.id
    every = [item.id for items in prepared[name].splits.values() for item in items]
    assert len(set(every)) == len(every)


def test_questions_asked_of_mbpp_are_not_trained_on_for_humaneval(prepared: dict[str, Prepared]) -> None:
    trained = {asked(item) for split in SPLITS[:4] for item in prepared["humaneval"].splits[split]}
    assert not trained & {asked(item) for item in prepared["mbpp"].splits["test"]}


def test_a_solution_ends_in_its_result(prepared: dict[str, Prepared]) -> None:
    from semalign.benchmarks.numbers import last_number

    for split in SPLITS:
        for item in prepared["gsm8k"].splits[split]:
            assert item.target and last_number(item.answer) == last_number(item.target)
            assert "<<" not in item.answer and "####" not in item.answer


def test_options_that_look_like_missing_values_are_texts(prepared: dict[str, Prepared]) -> None:
    items = prepared["mmlu"].splits["test"]
    assert all(option.strip() for item in items for option in (item.fields or {})["options"])
    assert any(option == "None" for item in items for option in (item.fields or {})["options"])
    assert len({(item.fields or {})["subject"] for item in items}) == 57
    # the data set's letters against the answer column, read again
    letters = []
    for path in sorted(Path(MIRROR).glob("mmlu/test/*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            letters += [row[5] for row in csv.reader(file)]
    assert [f" {letter}" for letter in letters] == [item.answer for item in items]


@pytest.mark.parametrize("name", ["humaneval", "mbpp"])
@pytest.mark.parametrize("split", ["extract", "test"])
def test_references_pass_their_tests(prepared: dict[str, Prepared], name: str, split: Any) -> None:
    from semalign.config.evaluation import EvaluationSettings
    from semalign.config.sandbox import SandboxLimits
    from semalign.evaluation.items import ItemRecord
    from semalign.evaluation.sandbox.code import score_code

    items = prepared[name].splits[split][:20]  # type: ignore[index]
    settings = EvaluationSettings(sandbox=SandboxLimits(allow_weak_isolation=True))
    records = [ItemRecord(item.id, None, item.answer, item.answer) for item in items]
    scored, _ = score_code(records, items, settings)
    assert [(record.id, record.verdict) for record in scored if record.correct != 1] == []


@pytest.mark.parametrize("name", ["humaneval", "mbpp"])
def test_stubs_pass_nothing_of_the_whole_sets(prepared: dict[str, Prepared], name: str) -> None:
    """A program that does nothing must fail every official item (test_protocols_mirror checks that references pass)."""
    from semalign.config.evaluation import EvaluationSettings
    from semalign.config.sandbox import SandboxLimits
    from semalign.evaluation.items import ItemRecord
    from semalign.evaluation.sandbox.code import score_code

    items = prepared[name].splits["test"]
    settings = EvaluationSettings(sandbox=SandboxLimits(allow_weak_isolation=True), sandbox_workers=2)
    stubs = ["    pass\n" if item.prefix else f"\ndef {item.entry_point}(*_):\n    pass" for item in items]
    records = [ItemRecord(item.id, None, stub, item.answer) for item, stub in zip(items, stubs, strict=True)]
    scored, isolation = score_code(records, items, settings)
    assert isolation
    assert [record.id for record in scored if record.correct != 0 or record.verdict != "failed"] == []


def test_the_hub_s_columns_give_the_pinned_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(Path(MIRROR), list(PUBLISHED))
    found = {name: read_mirror(source_of(name), Path(MIRROR), source_of(name).required) for name in PUBLISHED}
    write_hub(tmp_path / "hub", found)
    monkeypatch.setattr(
        "huggingface_hub.hf_hub_download",
        lambda repository, file, **_: str(tmp_path / "hub" / repository / file),
    )
    for name in PUBLISHED:
        source = source_of(name)
        rows = fetch(source, source.required)
        verify(source, rows, "hub")
        write_mirror(source, rows, tmp_path / "made")
    for file in ("gsm8k/train.jsonl", "gsm8k/test.jsonl", "mbpp/mbpp.jsonl"):
        made, original = ((root / file).read_bytes() for root in (tmp_path / "made", Path(MIRROR)))
        assert hashlib.sha256(made).hexdigest() == hashlib.sha256(original).hexdigest()
