"""Texts that are allowed and seldom meant are warned of, once per kind; usual texts are not."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from semalign.benchmarks.numbers import is_number, last_number
from semalign.benchmarks.own import build, problems_of
from semalign.config.benchmarks import FileBenchmark

Row = dict[str, Any]
PLAIN: list[Row] = [
    {"prompt": f"What is {at} + 1?\nAnswer:", "answer": f"it is {at + 1}"} for at in range(20)
]
BODY: Row = {"answer": "    return x", "tests": ["assert f(1) == 1"], "prefix": "def f(x):\n"}


def write(path: Path, rows: list[Row]) -> str:
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return str(path)


def warned(folder: Path, caplog: pytest.LogCaptureFixture, rows: list[Row], **settings: Any) -> list[str]:
    """The warnings of a file that has no problem."""
    with caplog.at_level(logging.WARNING, "semalign"):
        assert problems_of("mine", FileBenchmark(path=write(folder / "a.jsonl", rows), **settings)) == []
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"prompt": "Q {}:\t"}, "1 row with unusual white space between prompt and answer ('\\t';"),
        ({"answer": "\u00a0it"}, "1 row with unusual white space between prompt and answer ('\\xa0';"),
        ({"prompt": "Q {}:\r\n"}, "with carriage returns (line ends of Windows?)"),
        (
            {"prompt": "Q {}: ("},
            'with a space after an open bracket or quotation mark (`separator: ""` puts none)',
        ),
        ({"prompt": 'Say {} as "'}, "with a space after an open bracket or quotation mark"),
        ({"prompt": "A &lt; B &amp; {}"}, "with HTML entities such as '&amp;'"),
        ({"prompt": "Q {}\\nAnswer:"}, "with escapes written out, such as \\n (encoded twice?)"),
        ({"answer": "caf\\u00e9"}, "with escapes written out"),
        ({"answer": "cafe\u0301"}, "with accents as characters of their own (no Unicode NFC)"),
    ],
)
def test_odd_texts_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: Row, part: str
) -> None:
    odd = {**PLAIN[7], **{key: text.replace("{}", "7") for key, text in change.items()}}
    found = warned(tmp_path, caplog, [*PLAIN[:7], odd, *PLAIN[8:]])
    assert any(part in line and "line 8" in line for line in found), found


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": 'He said "yes" {}'},
        {"prompt": "The Greek $\\nu$ {}"},
        {"prompt": "a && b {}"},
        {"answer": "café"},
        {"prompt": "### Response {}"},
        {"prompt": "What's {}'"},
    ],
)
def test_usual_texts_are_not(tmp_path: Path, caplog: pytest.LogCaptureFixture, change: Row) -> None:
    odd = {**PLAIN[7], **{key: text.replace("{}", "7") for key, text in change.items()}}
    assert warned(tmp_path, caplog, [*PLAIN[:7], odd, *PLAIN[8:]]) == []


def test_a_separator_that_was_asked_for_is_usual(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert warned(tmp_path, caplog, PLAIN, separator="\t") == []


def test_an_indentation_at_the_end_of_a_program_prompt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{**BODY, "prompt": f"# {at}\ndef f(x):\n    "} for at in range(9)]
    assert any(
        "9 rows with a space at the end of the prompt" in line for line in warned(tmp_path, caplog, rows)
    )


def test_files_that_are_joined_in_other_ways(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tested = [{**row, "prompt": f"Again {row['prompt']}\n"} for row in PLAIN[:5]]
    other = write(tmp_path / "test.jsonl", tested)
    [line] = warned(tmp_path, caplog, PLAIN, test_path=other)
    assert (
        f"{other}: the white space between prompt and answer is '\\n', but ' ' in {tmp_path}/a.jsonl" in line
    )
    caplog.clear()
    write(tmp_path / "test.jsonl", [{**row, "prompt": f"Again {row['prompt']} "} for row in PLAIN[:5]])
    assert warned(tmp_path, caplog, PLAIN, test_path=other) == []


def test_targets_that_are_text_beside_numbers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [{**row, "answer": str(at)} for at, row in enumerate(PLAIN)]
    assert warned(tmp_path, caplog, [*rows[:-1], {**rows[-1], "answer": "$20."}]) == []
    [line] = warned(tmp_path, caplog, [*rows[:-1], {**rows[-1], "answer": "20 km"}])
    assert "1 row whose target is compared as text, such as '20 km', beside targets that are numbers" in line


@pytest.mark.parametrize(
    "text", ["5", "-5", "+5", "−5", "1,000", "3.0", ".5", "$16", "€ 16.50", "16%", "16 %.", " 7 "]
)
def test_texts_that_are_a_number(text: str) -> None:
    assert is_number(text)


@pytest.mark.parametrize(
    "text", ["5 km", "1e5", "3-5", "1/2", "1 000", "1,5", "x", "", "1.2.3", "2024-05-01", "$"]
)
def test_texts_that_are_none(text: str) -> None:
    assert not is_number(text)


def test_a_fraction_without_zero_and_a_minus_sign_are_read() -> None:
    assert [str(last_number(text)) for text in ("it is .5", "so −3", "No.5", "x.")] == [
        "0.5",
        "-3",
        "5",
        "None",
    ]


def test_a_prompt_in_two_normal_forms_is_one(tmp_path: Path) -> None:
    rows = [*PLAIN, {"prompt": "caf\u00e9?", "answer": "a"}, {"prompt": "cafe\u0301?", "answer": "a"}]
    splits = build("mine", FileBenchmark(path=write(tmp_path / "a.jsonl", rows))).splits
    assert sum(map(len, splits.values())) == 21
