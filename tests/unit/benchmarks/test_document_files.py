"""Files of documents for pruning: read as written, or one line per problem."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from semalign.benchmarks.document_files import CHECKED, problems_of, read_documents
from semalign.runtime.errors import UserError


def test_documents_of_every_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_bytes(b"\xef\xbb\xbfa\n\nb\xc3\xa9")
    rows = '{"text": "c\u2028d"}\r\n\n{"prompt": "d", "answer": " e"}\n{"prompt": "d:", "answer": "e"}\n'
    (tmp_path / "rows.jsonl").write_text(rows, encoding="utf-8")
    assert read_documents(tmp_path / "one.txt") == ["a\n\nbé"]
    assert read_documents(tmp_path / "rows.jsonl") == ["c\u2028d", "d e", "d: e"]
    assert problems_of(tmp_path / "one.txt") == problems_of(tmp_path / "rows.jsonl") == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"x", "found .csv, expected documents as .txt or .jsonl"),
        ("a", b"x", "found no suffix, expected documents as .txt or .jsonl"),
        ("a.txt", b"", "found an empty file"),
        ("a.txt", b" \n", "found an empty file"),
        (
            "a.txt",
            "déjà vu".encode("latin-1"),
            "line 1, byte 2: found 0xE9, which is not UTF-8; expected UTF-8: ",
        ),
        ("a.txt", "déjà vu".encode("utf-16"), "found UTF-16 text, expected UTF-8"),
        ("a.txt", b"a\0b", "line 1: found the control character NUL at character 2"),
        ("a.txt", b"version https://git-lfs.github.com/spec/v1\n", "found a Git LFS pointer"),
        ("a.jsonl", b"\x1f\x8b\x08\x00", "found gzip-compressed data"),
        ("a.jsonl", b"{", "found JSON over several lines"),
        ("a.jsonl", b'{"text": "a"}\n{"text"', "line 2: column 8: found no JSON"),
        ("a.jsonl", b'[{"text": "a"}]', "found one JSON array with 1 entries"),
        (
            "a.jsonl",
            b'{"prompt": "x"}',
            "line 1: found no answer (keys prompt), expected an object with `text`",
        ),
        (
            "a.jsonl",
            b'{"texts": "x"}',
            "line 1: found no prompt (keys texts), expected an object with `text`",
        ),
        ("a.jsonl", b'{"text": 7}', "line 1: text: found a number, expected a string"),
        ("a.jsonl", b'{"text": ""}\n', "found no document"),
        ("a.jsonl", b'{"text": "a"}\n"b"\n', "line 2: found a string, expected a JSON object"),
        ("a.jsonl", b'{"text": "\\ud800"}\n', "line 1: found half of a character (U+D800, a lone surrogate)"),
    ],
)
def test_bad_documents_are_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_documents(path)
    [line] = caught.value.lines
    assert line.startswith(f"{path}: {message}") and "\n" not in line
    assert problems_of(path) == [line]


def test_what_is_no_file_is_one_line(tmp_path: Path) -> None:
    assert problems_of(tmp_path)[0].startswith(f"{tmp_path}: found a folder, expected documents")
    assert problems_of(tmp_path / "a.txt")[0].startswith(
        f"{tmp_path}/a.txt: no such file; expected documents"
    )


def test_odd_documents_are_counted_in_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        "".join(json.dumps({"text": text}) + "\n" for text in ("a", "", "caf\ufffd", " \n", "b\f"))
    )
    assert read_documents(path) == ["a", "caf\ufffd", "b\f"]
    assert f"{path}: left out 2 empty documents" in caplog.text
    assert f"{path}: 1 documents hold U+FFFD" in caplog.text


def test_of_a_large_file_only_the_beginning_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    row = json.dumps({"text": "é" * 100}, ensure_ascii=False) + "\n"
    path.write_text(row * (CHECKED // len(row.encode()) + 2) + "{\n", encoding="utf-8")
    assert problems_of(path) == []
    path.write_bytes(b"\xe9\n" + path.read_bytes())
    assert problems_of(path)[0].startswith(f"{path}: line 1, byte 1: found 0xE9")


def test_the_check_needs_no_model_library() -> None:
    code = (
        "import sys, semalign.benchmarks.document_files; print({'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
