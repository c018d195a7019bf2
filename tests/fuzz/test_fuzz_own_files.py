"""Drawn rows and files: a benchmark that holds every text as written, or lines that name the problems."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from semalign.benchmarks.base import SPLITS
from semalign.benchmarks.characters import HARMFUL
from semalign.benchmarks.own import build, problems_of
from semalign.benchmarks.row_forms import TYPES
from semalign.config.benchmarks import FileBenchmark
from semalign.runtime.errors import UserError

ODD = st.sampled_from(
    ["\0", "\ud800", "\ufffd", "\u200b", "\ufeff", "\u2028", "\u0085", " ", "\n", "\t", "\u00a0", "é"]
)
TEXT = st.one_of(
    st.text(max_size=8),
    st.lists(st.one_of(ODD, st.text(max_size=3)), max_size=4).map("".join),
    st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=8),
)
VALUE = st.one_of(
    TEXT,
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(),
    st.lists(st.one_of(TEXT, st.integers(), st.none()), max_size=3),
    st.dictionaries(TEXT, TEXT, max_size=2),
)
KEY = st.one_of(st.sampled_from([*TYPES, "Prompt", "answr", "label", ""]), TEXT)
GOOD = st.fixed_dictionaries({"prompt": TEXT, "answer": TEXT})
CHOICES = st.lists(TEXT, min_size=1, max_size=4)
CHOICE = CHOICES.flatmap(
    lambda texts: st.fixed_dictionaries(
        {"prompt": TEXT, "answer": st.sampled_from(texts), "choices": st.just(texts)},
        optional={"gold": st.integers(-1, 4)},
    )
)
ANY = st.dictionaries(KEY, VALUE, max_size=5)
ROWS = st.one_of(
    st.lists(GOOD, max_size=14),
    st.lists(CHOICE, max_size=14),
    st.lists(st.one_of(GOOD, CHOICE, ANY, VALUE), max_size=6),
)


def check(path: Path, section: FileBenchmark) -> list[str]:
    """What is said of a file; the same is said, or nothing, when it is built."""
    found = problems_of("mine", section)
    for line in found:
        assert line.startswith((f"{path}: ", "benchmarks.mine")) and "\n" not in line
        line.encode()  # can be printed
    try:
        build("mine", section)
    except UserError as error:
        assert list(error.lines) == found
    else:
        assert not found
    return found


@given(rows=ROWS, padding=st.booleans())
def test_drawn_rows_are_kept_as_written_or_named(rows: list[Any], padding: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    if padding:
        rows = [*rows, *({"prompt": f"Q {at}?", "answer": "x"} for at in range(9))]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    section = FileBenchmark(path=str(path))
    if check(path, section):
        return
    written = {(row["prompt"], row["answer"]) for row in rows}
    wholes = {prompt + between + answer for prompt, answer in written for between in ("", " ")}
    for item in (item for split in SPLITS for item in build("mine", section).splits[split]):
        assert item.prompt + item.answer in wholes
        assert item.prompt.strip() and item.answer.strip()
        assert not HARMFUL.search(item.prompt + item.answer)
        if item.choices is not None and item.gold is not None:
            assert item.choices[item.gold] == item.answer
            assert len({choice.strip() for choice in item.choices}) == len(item.choices) > 1
        else:
            assert item.target == item.answer.strip()


@given(
    cut=st.integers(0, 400),
    put=st.binary(max_size=4),
    length=st.integers(0, 40),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "utf-16", "cp1252"]),
)
def test_drawn_damage_to_a_file_is_named_or_harmless(
    cut: int, put: bytes, length: int, encoding: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"prompt": f"Où est {at}?", "answer": "là"} for at in range(12)]
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode(encoding)
    path.write_bytes(data[:cut] + put + data[cut + length :])
    found = check(path, FileBenchmark(path=str(path)))
    if encoding in ("latin-1", "cp1252", "utf-16"):
        assert found
