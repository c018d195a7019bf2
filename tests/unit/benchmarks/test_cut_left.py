"""Prompts that are cut on the left: what is kept, that it fits as tightly as it can, and what is recorded."""

import json
from pathlib import Path
from typing import Any

import pytest
from chat_cases import byte_tokenizer, chatml_tokenizer, example, llama2_tokenizer

from semalign.benchmarks.base import Example, read_split, write_split
from semalign.benchmarks.chats import rendered
from semalign.benchmarks.cutting import cut_left
from semalign.benchmarks.fitting import Length, Reader, Room
from semalign.benchmarks.stage import Readers, prepare_benchmark
from semalign.config.base import SPLITS
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import RECORD, Run
from semalign.statistics.tables.stage import collect_lengths


def needed(item: Example, reader: Reader, new: int) -> int:
    length = Length.of(item, reader.tokenizer)
    return max(length.whole, length.prompt + new)


@pytest.mark.parametrize("context", [24, 30, 31, 57])
def test_a_prompt_loses_just_the_tokens_that_do_not_fit(context: int) -> None:
    tokenizer = byte_tokenizer()
    reader = Reader("m", tokenizer, context)
    item = Example("a", "<s>" + "".join(f"{n} and " for n in range(40)), " yes")
    [short], _, record = cut_left(Room([reader], 8), "b", [item], None)
    assert needed(short, reader, 8) == context and short.answer == item.answer
    assert short.prompt.startswith("<s>") and item.prompt.endswith(short.prompt[3:])
    lost = Length.of(item, tokenizer).prompt - Length.of(short, tokenizer).prompt
    assert record == {"too_long": [], "cut_left": {"a": lost}} and lost > 0


def test_the_model_with_the_least_room_decides_and_all_read_the_same_text() -> None:
    readers = [Reader("a", byte_tokenizer(), 90), Reader("b", llama2_tokenizer(), 40)]
    item = Example("a", "é" * 60, " b")
    [short], _, _ = cut_left(Room(readers, None), "b", [item], None)
    assert all(needed(short, reader, 2) <= reader.context for reader in readers)
    longer = Example("a", "é" + short.prompt, " b")
    assert needed(longer, readers[1], 2) > 40 and short.prompt == "é" * len(short.prompt)


def test_what_fits_is_not_touched_and_what_never_fits_is_left_out() -> None:
    room = Room([Reader("m", byte_tokenizer(), 30)], None)
    good, bad = Example("good", "Q", " a"), Example("bad", "Q", "x" * 30)
    pool, test, record = cut_left(room, "b", [good, bad], [bad, good])
    assert pool == [good] and pool[0] is good and test == [good]
    assert record == {"too_long": ["bad", "bad"], "cut_left": {}}


LONG = [
    {"role": "system", "content": "S" * 10},
    *({"role": role, "content": f"{role[0]}{at}" * 10} for at in range(3) for role in ("user", "assistant")),
]


def contents(item: Example) -> list[str]:
    assert (
        item.messages and item.prompt == rendered(Example(**{**vars(item), "template": "none"}), None).prompt
    )
    return [turn["content"] for turn in item.messages]


@pytest.mark.parametrize(
    ("less", "kept"),
    [
        (0, [turn["content"] for turn in LONG]),
        (1, [turn["content"] for turn in (LONG[0], *LONG[3:])]),
        (60, [turn["content"] for turn in (LONG[0], *LONG[5:])]),
        (180, ["S" * 10, "2" + "u2" * 5, "a2" * 10]),
    ],
)
def test_the_oldest_turns_go_first_and_the_system_stays(less: int, kept: list[str]) -> None:
    tokenizer = chatml_tokenizer()
    item = example(LONG)
    one = Length.of(example([LONG[0], *LONG[5:]]), tokenizer).whole
    context = Length.of(item, tokenizer).whole - less if less < 100 else one - 9
    [short], _, _ = cut_left(Room([Reader("m", tokenizer, context)], 0), "b", [item], None)
    assert contents(short) == kept


def test_the_system_goes_if_the_answer_has_no_room_beside_it() -> None:
    tokenizer = chatml_tokenizer()
    item = example(LONG)
    without = Length.of(example(LONG[5:]), tokenizer).whole
    [short], _, _ = cut_left(Room([Reader("m", tokenizer, without - 19)], 0), "b", [item], None)
    assert contents(short) == ["2", "a2" * 10]
    [none, _] = [*cut_left(Room([Reader("m", tokenizer, without - 20)], 0), "b", [item], None)[:1], None]
    assert none == []


def test_the_splits_hold_the_cut_rows_and_the_record_counts_them(
    sealed_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = [
        {"prompt": "w" * (400 if n % 4 == 0 else 3) + f" {n}?", "answer": "yes"} for n in range(40)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_json(tmp_path / "settings.json", {"path": str(tmp_path / "rows.jsonl"), "too_long": "cut-left"})
    write_json(tmp_path / "fitting.json", {"readers": ["teacher", "student"], "new_tokens": None})
    readers = Readers(sealed_pair, tmp_path / "fitting.json")
    prepare_benchmark("mine", tmp_path / "settings.json", tmp_path / "out", readers=readers)
    items = [item for split in SPLITS for item in read_split(tmp_path / "out", split)]
    origin = read_json(tmp_path / "out" / RECORD)["origin"]
    assert len(items) == 40 and origin["too_long"] == [] and len(origin["cut_left"]) == 10
    assert all(item.prompt.endswith("?") and len(item.prompt) < 256 for item in items)


def test_the_table_counts_what_was_cut_and_left_out(tmp_path: Path) -> None:
    origins = {
        "cut": {"too_long": ["x"], "cut_left": {"a": 3, "b": 40}},
        "left": {"too_long": ["x", "y"]},
    }
    for name, origin in origins.items():
        (tmp_path / name).mkdir()
        for split in SPLITS:
            write_split(tmp_path / name, split, [Example("a", "Q", " a")] * 2)
        Run("benchmark").seal(tmp_path / name, {"origin": origin})
    collect_lengths([tmp_path / name for name in origins], tmp_path / "lengths.csv", tmp_path / "record.json")
    assert (tmp_path / "lengths.csv").read_text().splitlines() == [
        "benchmark,examples,left_out,cut,tokens_cut,most_cut",
        "cut,10,1,2,43,40",
        "left,10,2,0,0,0",
    ]
