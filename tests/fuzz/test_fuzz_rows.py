"""JSONL rows of any text, kind and size, and damaged files: the rows as the user wrote them, or clear lines."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outcomes import accepted, assert_clear

from semalign.benchmarks import own
from semalign.benchmarks.base import Example, Prepared, read_split, write_prepared
from semalign.config.base import SPLITS
from semalign.config.benchmarks import FileBenchmark

ROWS = 24

PIECES = st.sampled_from(
    [
        *(
            "what",
            "is",
            "3",
            "+",
            "17",
            "?",
            '"',
            "[INST]",
            "<s>",
            "</s>",
            "Answer:",
            "```",
            "é",
            "日本",
            "🙂",
        ),
        *(" ", "  ", "\n", "\n\n", "\t", "\r\n", "\\n", "\u2028", "\xa0"),
        *("\ud800", "\x00", "\x1b", "\ufffd", "\ufeff", "\u200b"),
    ]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=8).map("".join), st.text(max_size=12), st.just("x" * 3000))
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.lists(TEXTS, max_size=3),
    st.dictionaries(TEXTS, TEXTS, max_size=2),
)
KEYS = st.sampled_from(
    [
        "id",
        "prompt",
        "answer",
        "choices",
        "gold",
        "target",
        "tests",
        "entry_point",
        "prefix",
        "promt",
        "Answer",
        "",
    ]
)


def make_rows(kind: str, before: str, after: str, text: str) -> list[dict[str, Any]]:
    """Rows of one kind that differ by their number, with the same texts in each prompt and answer."""
    rows = []
    for number in range(ROWS):
        row: dict[str, Any] = {"prompt": f"{before}question {number}{after}", "answer": f"{text}{number}"}
        if kind == "choices":
            row["choices"] = [row["answer"], f"other {number}"]
        if kind == "code":
            row["tests"] = ["assert True"]
        rows.append(row)
    return rows


GOOD_ROWS = st.builds(
    make_rows, kind=st.sampled_from(["text", "choices", "code"]), before=TEXTS, after=TEXTS, text=TEXTS
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows")


def outcome(folder: Path, content: bytes) -> Prepared | None:
    """The prepared benchmark, or None if it was refused; the check at the start and the stage must agree."""
    path = folder / "rows.jsonl"
    path.write_bytes(content)
    settings = FileBenchmark(path=str(path), test=4, extract=2, align=2, validation=2)
    problems = own.problems_of("own", settings)
    prepared = accepted(lambda: own.build("own", settings))
    assert (prepared is None) == bool(problems)
    if problems:
        assert_clear(problems)
    return prepared


def examples(prepared: Prepared) -> list[Example]:
    return [item for split in SPLITS for item in prepared.splits[split]]


def lines(rows: Sequence[Any], ascii_only: bool) -> bytes:
    text = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)
    return text.encode("utf-8", errors="surrogatepass")


def assert_as_written(prepared: Prepared, rows: Sequence[dict[str, Any]]) -> None:
    """Assert that every example is a row of the file: its prompt and answer, separated once."""
    written = set()
    for row in rows:
        prompt, answer = row["prompt"], row["answer"]
        apart = prompt[-1].isspace() or answer[0].isspace()
        written.add(prompt + ("" if apart else "\n" if "tests" in row else " ") + answer)
    for item in examples(prepared):
        assert item.prompt + item.answer in written


@given(rows=GOOD_ROWS, ascii_only=st.booleans())
def test_rows_are_used_as_written_or_refused(
    folder: Path, rows: list[dict[str, Any]], ascii_only: bool
) -> None:
    prepared = outcome(folder, lines(rows, ascii_only))
    if prepared is not None:
        assert_as_written(prepared, rows)
        write_prepared(folder / "prepared", prepared)
        assert all(read_split(folder / "prepared", split) == prepared.splits[split] for split in SPLITS)


@given(rows=GOOD_ROWS, number=st.integers(0, ROWS - 1), key=KEYS, value=st.one_of(TEXTS, ODD))
def test_a_row_with_another_value_is_used_or_refused(
    folder: Path, rows: list[dict[str, Any]], number: int, key: str, value: Any
) -> None:
    rows[number] = {**rows[number], key: value}
    if (prepared := outcome(folder, lines(rows, ascii_only=True))) is not None:
        assert_as_written(prepared, rows)


@given(kinds=st.lists(ODD, max_size=ROWS), rows=GOOD_ROWS)
def test_lines_that_are_no_rows_are_refused(
    folder: Path, kinds: list[Any], rows: list[dict[str, Any]]
) -> None:
    content = lines([*rows, *kinds], ascii_only=True)
    if outcome(folder, content) is not None:
        assert not kinds


@given(rows=GOOD_ROWS, data=st.data())
def test_damaged_bytes_are_read_exactly_or_refused(
    folder: Path, rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    content = bytearray(lines(rows, ascii_only=False))
    place = data.draw(st.integers(0, len(content) - 1), label="place")
    match data.draw(
        st.sampled_from(["flip", "cut", "end", "add", "latin-1", "utf-16", "bom"]), label="damage"
    ):
        case "flip":
            content[place] ^= 1 << data.draw(st.integers(0, 7), label="bit")
        case "cut":
            del content[place : place + data.draw(st.integers(1, 30), label="length")]
        case "end":
            del content[place:]
        case "add":
            content[place:place] = data.draw(
                st.sampled_from([b"\xff", b"\x00", b"\xe9", b'"', b"{", b"\n", b"\xc0\x80"])
            )
        case "bom":
            content[:0] = b"\xef\xbb\xbf"
        case encoding:
            content = bytearray(content.decode("utf-8", "replace").encode(encoding, "replace"))
    prepared = outcome(folder, bytes(content))
    if prepared is not None:
        # what an independent strict reader makes of the same bytes
        text = bytes(content).decode("utf-8-sig")
        assert_as_written(prepared, [json.loads(line) for line in text.split("\n") if line.strip()])
