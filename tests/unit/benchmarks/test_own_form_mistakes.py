"""A mistake in a row of any form, in a table or in the settings of chats is one line with row and key."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from chat_cases import CHATML
from own_rows import FORMS, NUMBERS, Row, in_lines, in_parquet, problems, turns


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
        ("a.gz", gzip.compress(b"x" * 99, mtime=0)[:-9], "found damaged gzip data ("),
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
