"""Every form of a row in every format gives the tokens of the prompt and answer that it stands for."""

import csv
import gzip
import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from chat_cases import CHATML, byte_tokenizer, chatml_tokenizer

from semalign.benchmarks.corruption import corrupt
from semalign.benchmarks.encoding import Encoded, encode
from semalign.benchmarks.own import build, problems_of
from semalign.benchmarks.stage import prepare_benchmark
from semalign.config.base import SPLITS
from semalign.config.benchmarks import Corrupted, FileBenchmark
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import RECORD

Row = dict[str, Any]
NUMBERS = range(24)
HEAD = "### Instruction:\n"
FORMS: dict[
    str, tuple[Callable[[int], Row], Callable[[int], Row]]
] = {  # a row, and the same as prompt and answer
    "answer": (
        lambda i: {"prompt": f"What is {i},\n“{i}”?", "answer": f"{i}"},
        lambda i: {"prompt": f"What is {i},\n“{i}”?", "answer": f"{i}"},
    ),
    "completion": (
        lambda i: {"prompt": f"Q {i}: ", "completion": f"{i} \nand"},
        lambda i: {"prompt": f"Q {i}: ", "answer": f"{i} \nand"},
    ),
    "instruction": (
        lambda i: {"instruction": f"Add {i}", "input": f"{i}" if i % 2 else "", "output": f"so, {2 * i}"},
        lambda i: {
            "prompt": f"{HEAD}Add {i}\n\n" + (f"### Input:\n{i}\n\n" if i % 2 else "") + "### Response:\n",
            "answer": f"so, {2 * i}",
        },
    ),
    "messages": (
        lambda i: {"messages": turns("", f"Q {i}", f"a {i}")},
        lambda i: {"prompt": f"User: Q {i}\n\nAssistant:", "answer": f"a {i}"},
    ),
    "choices": (
        lambda i: {"prompt": f"Q {i}", "completion": "b", "choices": ["a", "b"], "gold": 1},
        lambda i: {"prompt": f"Q {i}", "answer": "b", "choices": ["a", "b"], "gold": 1},
    ),
}


def turns(*texts: str) -> list[dict[str, str]]:
    """A chat: the system's text (none if it is empty), then user and assistant in turn."""
    roles = ["system", *["user", "assistant"] * len(texts)]
    return [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False) if text]


def in_cells(rows: list[Row], delimiter: str) -> bytes:
    cells = [
        {key: value if isinstance(value, str) else json.dumps(value) for key, value in row.items()}
        for row in rows
    ]
    text = io.StringIO()
    writer = csv.DictWriter(
        text, list(dict.fromkeys(key for row in rows for key in row)), delimiter=delimiter
    )
    writer.writeheader()
    writer.writerows(cells)
    return text.getvalue().encode()


def in_parquet(rows: list[Row]) -> bytes:
    data = io.BytesIO()
    pd.DataFrame(rows).to_parquet(data)
    return data.getvalue()


def in_lines(rows: list[Row]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


FORMATS: dict[str, Callable[[list[Row]], bytes]] = {
    "jsonl": in_lines,
    "json": lambda rows: json.dumps(rows, indent=1).encode(),
    "csv": lambda rows: in_cells(rows, ","),
    "tsv": lambda rows: b"\xef\xbb\xbf" + in_cells(rows, "\t"),
    "parquet": in_parquet,
    "jsonl.gz": lambda rows: gzip.compress(in_lines(rows)),
    "csv.gz": lambda rows: gzip.compress(in_cells(rows, ",")),
}


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


def problems(
    folder: Path, rows: list[Row], name: str = "a.jsonl", data: bytes = b"", **settings: Any
) -> list[str]:
    path = folder / name
    path.write_bytes(data or in_lines(rows))
    found = problems_of("mine", FileBenchmark(path=str(path), **settings))
    assert all("\n" not in line for line in found)
    return [line.replace(f"{path}: ", "", 1) for line in found]


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        (
            [{"content": "Q"}, {"role": "assistant", "content": "a"}],
            "messages[0]: found no role (it has 'content'), expected system, user or assistant",
        ),
        (
            [{"role": "user"}, {"role": "assistant", "content": "a"}],
            "messages[0]: found no content (it has 'role'), expected a text",
        ),
        (
            [{"from": "human", "value": "Q"}] * 2,
            "messages[0]: found no role (it has 'from', 'value'), expected",
        ),
        (turns("", "Q", "a", "b"), "messages[2].role: found 'user' in the last turn, expected 'assistant'"),
        (
            [*turns("", "Q", "a"), *turns("", "", "b")],
            "messages[2].role: found 'assistant' after assistant, expected user",
        ),
        (
            [*turns("", "Q"), *turns("", "R", "b")],
            "messages[1].role: found 'user' after user, expected assistant",
        ),
        (
            [*turns("", "Q", "a"), *turns("S", "R", "b")],
            "messages[2].role: found 'system' after assistant, expected user",
        ),
        (
            [{"role": "assistant", "content": "a"}] * 2,
            "messages[0].role: found 'assistant' after the beginning, expected system or user",
        ),
        (
            [{"role": "tool", "content": "a"}] * 2,
            "messages[0].role: found 'tool', expected system, user or assistant",
        ),
        (
            [{"role": "user", "content": "Q"}, {"role": "assistant", "content": ""}],
            "messages[1].content: found an empty text, expected a text",
        ),
        (
            [{"role": "user", "content": " "}, {"role": "assistant", "content": "a"}],
            "messages[0].content: found only white space",
        ),
        (
            [{"role": "user", "content": ["Q"]}, {"role": "assistant", "content": "a"}],
            "messages[0].content: found a list, expected a string",
        ),
        (
            [{"role": "user", "content": "Q"}, {"role": "assistant", "content": None}],
            "messages[1].content: found null, expected a string",
        ),
        (
            [{"role": 1, "content": "Q"}, {"role": "assistant", "content": "a"}],
            "messages[0].role: found a number, expected a string",
        ),
        (
            [{"role": "user", "content": "Q\0"}, {"role": "assistant", "content": "a"}],
            "messages[0].content: found the control character NUL",
        ),
        (["Q", "a"], "messages[0]: found a string, expected an object with role and content"),
        ([], "messages: found 0, expected at least a user's turn and an assistant's"),
        (
            [{"role": "user", "content": "Q"}],
            "messages: found 1, expected at least a user's turn and an assistant's",
        ),
        ("Q", "messages: found a string ('Q'), expected a list"),
        (None, "messages: found null, expected a list"),
    ],
)
def test_a_mistake_in_a_chat_is_one_line_with_row_and_key(
    messages: Any, message: str, tmp_path: Path
) -> None:
    rows = [FORMS["messages"][0](i) for i in NUMBERS]
    [found] = problems(tmp_path, [*rows, {"messages": messages}])
    assert found.startswith(f"line 25: {message}")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"instruction": "Q"}, "found no output, expected a text"),
        ({"instruction": "Q", "response": "a"}, "found no output but 'response', expected the key 'output'"),
        ({"instruction": "Q", "input": 3, "output": "a"}, "input: found a number (3), expected a string"),
        ({"completion": "a"}, "found no prompt, expected a text"),
        ({"conversations": []}, "found no messages but 'conversations', expected the key 'messages'"),
        ({"prompt": "Q", "completion": ""}, "completion: found an empty text, expected a text"),
        (
            {"prompt": "Q", "completion": "c", "choices": ["a", "b"]},
            "completion: found 'c', which is none of the choices",
        ),
        ({"messages": turns("", "Q", "a"), "target": ""}, "target: found an empty text"),
    ],
)
def test_a_row_of_another_form_names_its_own_keys(row: Row, message: str, tmp_path: Path) -> None:
    [found] = problems(tmp_path, [row])[:1]
    assert found.startswith(f"line 1: {message}")


def test_rows_of_several_forms_are_refused(tmp_path: Path) -> None:
    rows = [FORMS["answer"][0](1), FORMS["messages"][0](2), FORMS["messages"][0](3)]
    [found] = problems(tmp_path, rows)
    assert found == (
        "found rows of several forms: 1 with prompt and answer (first in line 1), 2 with messages (first in line 2); "
        "expected one form per file"
    )


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"prompt,answer\nQ,a,b\nR,\n", "row 1: found 3 cells, expected 2, one for each column"),
        ("a.csv", b"prompt,answer\nQ,a\nR,\n", "row 2: found no answer, expected a text"),
        (
            "a.csv",
            b"prompt;answer\nQ;a\n",
            "found one column 'prompt;answer', expected columns that are divided by ','",
        ),
        ("a.csv", b"prompt,prompt\nQ,a\n", "found the column 'prompt' twice, expected names that differ"),
        ("a.csv", b'prompt,answer\n"Q,a\n', "line 2: found no table ("),
        (
            "a.csv",
            b"prompt,answer,gold\nQ,a,x\n",
            "row 1: gold: found a string ('x'), expected a whole number",
        ),
        ("a.csv", b"prompt,answer\n", "found no row, expected one object"),
        ("a.csv", b"\n\nprompt,answer\nQ,a\nR,\n", "row 2: found no answer, expected a text"),
        (
            "a.csv",
            b"messages\n[{'role': 'user'}]\n",
            "row 1: messages: found a string (\"[{'role': 'user'}]\"), expected a list (in a table: as JSON,",
        ),
        ("a.json", b'[{"prompt": "Q", "answer": 3}]', "row 1: answer: found a number (3), expected a string"),
        ("a.parquet", b"PAR1 and no more PAR1", "found a Parquet file that can't be read ("),
        ("a.gz", gzip.compress(b"x" * 99)[:-9], "found damaged gzip data ("),
        (
            "a.parquet",
            in_parquet([{"prompt": "Q", "answer": 3}]),
            "row 1: answer: found a number (3), expected a string",
        ),
    ],
)
def test_a_mistake_in_a_table_is_one_line(name: str, data: bytes, message: str, tmp_path: Path) -> None:
    assert problems(tmp_path, [], name, data)[0].startswith(message)


@pytest.mark.parametrize(
    ("form", "settings", "message"),
    [
        (
            "answer",
            {"chat_template": "none"},
            "benchmarks.mine.chat_template: found none, expected the key to be left out",
        ),
        (
            "messages",
            {"separator": "\n"},
            "benchmarks.mine.separator: found '\\n', expected the key to be left out",
        ),
        (
            "answer",
            {"separator": " ", "chat_template": "always"},
            "benchmarks.mine.separator: found ' ', expected the",
        ),
        (
            "answer",
            {"chat_template": "no.jinja"},
            "benchmarks.mine.chat_template: found no file no.jinja, expected auto",
        ),
        (
            "choices",
            {"chat_template": "always"},
            "line 1: found choices in a chat, expected generated text only",
        ),
    ],
)
def test_settings_of_chats_that_say_nothing_are_refused(
    form: str, settings: Row, message: str, tmp_path: Path
) -> None:
    found = problems(tmp_path, [FORMS[form][0](i) for i in NUMBERS], **settings)
    assert found[0].startswith(message)


def test_a_template_file_that_is_no_jinja_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "t.jinja"
    path.write_text("{% generation %}{% if %}")
    [found] = problems(tmp_path, [FORMS["messages"][0](i) for i in NUMBERS], chat_template=str(path))
    assert found.startswith(f"{path}: line 1: found no Jinja (")
    path.write_text(CHATML.replace("{% endfor %}", "{%-generation-%}{%+ endgeneration %}{% endfor %}"))
    assert problems(tmp_path, [FORMS["messages"][0](i) for i in NUMBERS], chat_template=str(path)) == []


@pytest.mark.parametrize(
    ("form", "other", "good"), [("answer", "completion", True), ("messages", "answer", False)]
)
def test_the_test_file_has_rows_of_the_same_question(
    form: str, other: str, good: bool, tmp_path: Path
) -> None:
    (tmp_path / "t.jsonl").write_bytes(in_lines([FORMS[other][0](i) for i in range(30, 36)]))
    rows = [FORMS[form][0](i) for i in NUMBERS]
    found = problems(tmp_path, rows, test_path=str(tmp_path / "t.jsonl"))
    assert [line.partition(": ")[2][:30] for line in found] == (
        [] if good else ["found rows with prompt and ans"]
    )


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
