"""Text files are read as what they are: UTF-8, or one line that says what was found instead."""

import bz2
import gzip
import os
import random
from pathlib import Path

import pytest

from semalign.benchmarks.decoding import read_text, user_path
from semalign.runtime.errors import UserError

LINES = "Où est l’île n° 1?\nà gauche\n"


def refused(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        read_text(path, "some text")
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    "text", [LINES, "plain\n", "a\r\nb\r\n", "a\u2028b\u0085c", "日本\n", "x", "e\u0301"]
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_utf8_is_read_as_written_with_or_without_a_mark(text: str, mark: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(mark + text.encode())
    assert read_text(tmp_path / "a.txt", "some text") == text


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "mac-roman", "cp850"])
def test_a_western_encoding_is_named_with_line_and_byte(encoding: str, tmp_path: Path) -> None:
    text = "plain\n" + LINES.replace("’", "'")
    data = text.encode(encoding)
    at = "Où".encode(encoding)[1]
    found = refused(tmp_path / "a b.jsonl", data)
    assert found.startswith(f"line 2, byte 2: found 0x{at:02X}, which is not UTF-8 (2 lines have such bytes)")
    assert f"`iconv -f WINDOWS-1252 -t UTF-8 '{tmp_path}/a b.jsonl' > new.jsonl`" in found


@pytest.mark.parametrize(
    ("text", "encoding"), [("東京はどこ\n", "shift_jis"), ("где он\n", "cp1251"), ("在哪里\n", "gb18030")]
)
def test_another_encoding_is_not_guessed(text: str, encoding: str, tmp_path: Path) -> None:
    found = refused(tmp_path / "a.txt", (text * 9).encode(encoding))
    assert "iconv -f ENCODING" in found and "WINDOWS-1252" not in found


def test_one_line_of_another_encoding_is_told_from_a_whole_file(tmp_path: Path) -> None:
    found = refused(tmp_path / "a.txt", LINES.encode() + "été\n".encode("latin-1"))
    assert found.startswith("line 3, byte 1: found 0xE9") and "other lines are UTF-8" in found
    assert "iconv" not in found


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", [LINES, '{"prompt": "日本はどこにありますか", "answer": "アジア"}\n' * 3])
def test_wide_encodings_are_named(text: str, encoding: str, tmp_path: Path) -> None:
    name = encoding.upper().replace("-LE", "LE").replace("-BE", "BE")
    found = refused(tmp_path / "a.txt", text.encode(encoding))
    assert found.startswith(f"found {name} text, expected UTF-8; convert it: `iconv -f {name} -t UTF-8")


def test_a_file_that_ends_within_a_character_is_cut_off(tmp_path: Path) -> None:
    found = refused(tmp_path / "a.txt", "plain\nà".encode()[:-1])
    assert found.startswith("line 2, byte 1: found 0xC3") and "cut off" in found


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "an empty file"),
        (b" \n\t\n", "an empty file"),
        (b"\xef\xbb\xbf", "an empty file"),
        (gzip.compress(b"x", mtime=0), "gzip-compressed data (unpack it: `gunzip <"),
        (bz2.compress(b"x"), "bzip2-compressed data (unpack it: `bunzip2 <"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"PAR1rest", "a Parquet file"),
        (b"%PDF-1.7", "a PDF"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "a Git LFS pointer"),
        (b"\n<!DOCTYPE HTML>\n<html>", "a web page"),
        (bytes(range(256)) * 4, "binary data"),
    ],
)
def test_other_files_are_said_as_what_they_are(data: bytes, what: str, tmp_path: Path) -> None:
    assert refused(tmp_path / "a.jsonl", data).startswith(f"found {what}")


def test_what_is_no_file_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/absent/target")
    for path, what in (
        (tmp_path, "found a folder, expected some text"),
        (tmp_path / "absent", "no such file; expected some text"),
        (tmp_path / "link", "no such file (a link to /absent/target)"),
        (tmp_path / "pipe", "found a device or pipe"),
        (tmp_path / ("x" * 300), "can't be read (File name too long)"),
        (tmp_path / "a\0b", "no such file"),
    ):
        with pytest.raises(UserError) as caught:
            read_text(path, "some text")
        assert str(caught.value).startswith(f"{path}: {what}")
    assert user_path("~nobody-of-that-name/x") == Path("~nobody-of-that-name/x")


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_are_a_text_or_one_line(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    for _ in range(25):
        data = bytearray((LINES * draw.randint(1, 3)).encode())
        for _ in range(draw.randint(1, 6)):
            at = draw.randrange(len(data) + 1)
            data[at : at + draw.randint(0, 3)] = draw.randbytes(draw.randint(0, 3))
        (tmp_path / "a.txt").write_bytes(data)
        try:
            text = read_text(tmp_path / "a.txt", "some text")
        except UserError as error:
            assert len(error.lines) == 1 and "\n" not in error.lines[0]
        else:
            assert text.encode() == bytes(data).removeprefix(b"\xef\xbb\xbf")
