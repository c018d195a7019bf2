"""Every form of a row in every format gives the tokens of the prompt and answer that it stands for."""

import logging
from pathlib import Path
from typing import Any

import pytest
from chat_cases import CHATML, byte_tokenizer, chatml_tokenizer
from own_rows import FORMATS, FORMS, NUMBERS, Row, in_lines, turns

from semalign.benchmarks.corruption import corrupt
from semalign.benchmarks.encoding import Encoded, encode
from semalign.benchmarks.own import build, problems_of
from semalign.benchmarks.stage import prepare_benchmark
from semalign.config.base import SPLITS
from semalign.config.benchmarks import Corrupted, FileBenchmark
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import RECORD


def tokens(path: Path, data: bytes, tokenizer: Any, **settings: Any) -> dict[str, list[Encoded]]:
    path.write_bytes(data)
    section = FileBenchmark(path=str(path), **settings)
    assert problems_of("mine", section) == []
    splits = build("mine", section).splits
    return {split: [encode(item, tokenizer) for item in items] for split, items in splits.items()}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_and_format_is_the_same_as_prompt_and_answer(form: str, tmp_path: Path) -> None:
    row, plain = FORMS[form]
    tokenizer = byte_tokenizer()
    expected = tokens(tmp_path / "plain.jsonl", in_lines([plain(i) for i in NUMBERS]), tokenizer)
    rows = [row(i) for i in NUMBERS]
    for name, write in FORMATS.items():
        assert tokens(tmp_path / f"rows.{name}", write(rows), tokenizer) == expected, name
    assert sorted(expected) == sorted(SPLITS) and len(expected["train"]) > 5


@pytest.mark.parametrize("form", ["answer", "completion", "instruction", "messages"])
def test_always_reads_every_form_as_a_chat(form: str, tmp_path: Path) -> None:
    row, plain = FORMS[form]
    tokenizer = chatml_tokenizer()
    found = tokens(
        tmp_path / "a.jsonl", in_lines([row(i) for i in NUMBERS]), tokenizer, chat_template="always"
    )
    texts = {tokenizer.decode(item.input_ids) for items in found.values() for item in items}
    questions = {
        "answer": "What is 7,\n“7”?",
        "completion": "Q 7:",
        "instruction": "Add 7\n\n7",
        "messages": "Q 7",
    }
    answer = {"instruction": "so, 14", "messages": "a 7"}.get(form, plain(7)["answer"])
    chat = f"<|im_start|>user\n{questions[form]}<|im_end|>\n<|im_start|>assistant\n{answer}<|im_end|>"
    assert chat in texts and len(texts) == len(NUMBERS)


def test_a_template_file_reads_plain_rows_and_is_an_input_of_the_benchmark(tmp_path: Path) -> None:
    template = tmp_path / "chatml.jinja"
    template.write_text(CHATML)
    rows = in_lines([FORMS["completion"][0](i) for i in NUMBERS])
    own = tokens(tmp_path / "a.jsonl", rows, chatml_tokenizer(None), chat_template=str(template))
    always = tokens(tmp_path / "a.jsonl", rows, chatml_tokenizer(), chat_template="always")
    assert own == always
    record = prepared(tmp_path, [FORMS["completion"][0](i) for i in NUMBERS], chat_template=str(template))
    assert sorted(Path(name).name for name in record["origin"]["files"]) == ["a.jsonl", "chatml.jinja"]


def prepared(folder: Path, rows: list[Row], **settings: Any) -> Any:
    (folder / "a.jsonl").write_bytes(in_lines(rows))
    section = FileBenchmark(path=str(folder / "a.jsonl"), **settings)
    write_json(folder / "settings.json", section.model_dump(mode="json"))
    prepare_benchmark("mine", folder / "settings.json", folder / "mine")
    return read_json(folder / "mine" / RECORD)


def test_columns_that_nothing_reads_are_one_note(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows: list[Row] = [
        {**FORMS["answer"][0](i), "source": "web", "score": i, "output": None} for i in NUMBERS
    ]
    with caplog.at_level(logging.WARNING):
        record = prepared(tmp_path, rows)
    [note] = [line for line in caplog.messages if "ignored" in line]
    assert note.endswith("a.jsonl: columns that are ignored: 'source', 'score', 'output'")
    assert [line for line in record["origin"]["warnings"] if "ignored" in line] and "messages" not in (
        (tmp_path / "mine" / "train.jsonl").read_text()
    )


def test_keys_of_turns_that_nothing_reads_are_in_the_note(tmp_path: Path) -> None:
    rows = [{"messages": turns("", f"Q {i}", f"a {i}"), "source": "web"} for i in NUMBERS]
    rows[3]["messages"][1] |= {"weight": 0, "tool_calls": None}
    [note] = prepared(tmp_path, rows)["origin"]["warnings"]
    assert note.endswith("a.jsonl: columns that are ignored: 'source', 'messages[].weight'")


@pytest.mark.parametrize("nothing", [None, "", " \n"])
def test_an_input_that_says_nothing_is_left_out(nothing: str | None, tmp_path: Path) -> None:
    rows = [{"instruction": f"Say {i}", "input": nothing, "output": f"{i}"} for i in NUMBERS]
    tokenizer = byte_tokenizer()
    found = tokens(tmp_path / "a.jsonl", in_lines(rows), tokenizer)
    for row in rows:
        del row["input"]
    assert found == tokens(tmp_path / "b.jsonl", in_lines(rows), tokenizer)


def test_a_wrong_label_of_a_chat_is_in_its_last_turn(tmp_path: Path) -> None:
    rows = [FORMS["messages"][0](i) for i in NUMBERS]
    (tmp_path / "a.jsonl").write_bytes(in_lines(rows))
    items = build("mine", FileBenchmark(path=str(tmp_path / "a.jsonl"))).splits["train"]
    changed = corrupt("bad", Corrupted(of="mine", corrupted=0.5), "mine", items)
    pairs = list(zip(items, changed, strict=True))
    assert 0 < sum(one != other for one, other in pairs) < len(items)
    for one, other in pairs:
        assert other.messages and one.messages and other.messages[:-1] == one.messages[:-1]
        assert other.messages[-1]["content"] == other.answer.strip()
        assert (other.answer == one.answer) == (other == one)
