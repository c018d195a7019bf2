"""A damaged mirror, or a damaged download, is one line that names the file."""

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fabricated_mirror import SMALL

from semalign.benchmarks import corpora, hub
from semalign.benchmarks.mirror import SUMS, mirror_folder
from semalign.benchmarks.registry import prepare
from semalign.config.benchmarks import RealBenchmark
from semalign.runtime.errors import UserError

GSM8K = "gsm8k/test.jsonl"
HUMANEVAL = "humaneval/HumanEval.jsonl.gz"
MMLU = "mmlu/val/abstract_algebra_val.csv"
MBPP = "mbpp/mbpp.jsonl"


def refused(mirror: Path, file: str) -> str:
    """What is said when the benchmark of a file is prepared, without the file's path."""
    name: Any = file.partition("/")[0]
    with pytest.raises(UserError) as caught:
        prepare(name, RealBenchmark(benchmark=name, verify=False), str(mirror))
    [line] = caught.value.lines
    assert "\n" not in line
    return line.replace(f"{mirror / file}: ", "", 1)


def changed(**columns: Any) -> Callable[[bytes], bytes]:
    """The change of a file that sets columns of its second row; None leaves one out."""

    def change(data: bytes) -> bytes:
        text = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
        lines = text.splitlines(keepends=True)
        row = {**json.loads(lines[1]), **columns}
        lines[1] = (
            json.dumps({key: value for key, value in row.items() if value is not None}).encode() + b"\n"
        )
        return gzip.compress(b"".join(lines)) if text is not data else b"".join(lines)

    return change


def damaged(data: bytes) -> bytes:
    """A gzip file with wrong bytes in the compressed data."""
    middle = len(data) // 2
    return data[:middle] + bytes(byte ^ 0xFF for byte in data[middle : middle + 40]) + data[middle + 40 :]


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        (HUMANEVAL, damaged, "not a whole gzip file ("),
        (HUMANEVAL, lambda data: data[:-20], "not a whole gzip file (Compressed file ended before"),
        (HUMANEVAL, lambda data: data[:-8] + b"\0" * 8, "not a whole gzip file (CRC check failed"),
        (HUMANEVAL, lambda data: data + b"rest", "not a whole gzip file (Not a gzipped file"),
        (HUMANEVAL, lambda data: data + damaged(data), "not a whole gzip file ("),
        (HUMANEVAL, gzip.decompress, "found text, expected gzip-compressed data"),
        (HUMANEVAL, lambda data: b"version https://git-lfs.github.com/spec/v1\n", "found a Git LFS pointer"),
        (HUMANEVAL, lambda data: gzip.compress(b"\xe9"), "line 1, byte 1: found 0xE9, which is not UTF-8"),
        (HUMANEVAL, lambda data: gzip.compress(b"{}\n[]\n"), "line 2: found a list, expected a JSON object"),
        (HUMANEVAL, lambda data: b"", "found an empty file"),
        (GSM8K, lambda data: data + b'{"question": "\xff"}\n', "byte 15: found 0xFF, which is not UTF-8"),
        (GSM8K, lambda data: data[:-9], "found a string without an end"),
        (GSM8K, lambda data: b"[" + data.replace(b"\n", b",", 1), "line 1: column"),
        (
            MMLU,
            lambda data: b"question,A,B,C,D,answer\n" + data,
            "row 1: found 'answer' as the letter, expected",
        ),
        (MMLU, lambda data: b"1," + data, "row 1: found 7 fields, expected a question, four options"),
        (MMLU, lambda data: "é".encode("latin-1") + data, "line 1, byte 1: found 0xE9, which is not UTF-8"),
        (MMLU, lambda data: b'"' + b"x" * 200_000 + b'"\n', "row 1: found no CSV (field larger than"),
        (MBPP, lambda data: data.replace(b"{", b"", 1), "line 1: column"),
    ],
)
def test_a_damaged_file_is_named(
    file: str, change: Callable[[bytes], bytes], message: str, mirror: Path
) -> None:
    (mirror / file).write_bytes(change((mirror / file).read_bytes()))
    assert message in refused(mirror, file)


@pytest.mark.parametrize(
    ("file", "columns", "message"),
    [
        (GSM8K, {"answer": 7}, "gsm8k test: row 2: answer: found a number, expected a string"),
        (GSM8K, {"question": ["a"]}, "gsm8k test: row 2: question: found a list, expected a string"),
        (GSM8K, {"answer": None}, "gsm8k test: row 2 has no answer, expected the columns question, answer"),
        (HUMANEVAL, {"task_id": "seven"}, "task_id: found 'seven', expected a name like HumanEval/7"),
        (HUMANEVAL, {"prompt": 7}, "humaneval test: row 2: prompt: found a number, expected a string"),
        (HUMANEVAL, {"canonical_solution": "return ("}, "found code that is no Python ("),
        (MBPP, {"test_list": [1]}, "row 2: test_list: found a list, expected a list of strings"),
        (MBPP, {"test_list": "assert"}, "row 2: test_list: found a string, expected a list of strings"),
        (MBPP, {"test_list": []}, "found no test that calls a function of its code"),
        (MBPP, {"code": "def f(:"}, "found code that is no Python ("),
        (MBPP, {"code": "a\0"}, "code: found NUL or half of a character"),
    ],
)
def test_a_row_of_another_form_is_named(
    file: str, columns: dict[str, Any], message: str, mirror: Path
) -> None:
    (mirror / file).write_bytes(changed(**columns)((mirror / file).read_bytes()))
    assert message in refused(mirror, file)


@pytest.mark.parametrize(
    ("sums", "message"),
    [
        (b"", "found an empty file, expected checksums as `sha256sum` writes them"),
        (b"\xff\xfe\x00garbage\n", "found UTF-16 text"),
        (bytes(range(128, 256)), "which is not UTF-8"),
        (
            b"no checksum here\n",
            "line 1: found 'no checksum here', expected 64 hexadecimal digits and a file name",
        ),
        (
            hashlib.sha1(b"").hexdigest().encode() + b"  test.jsonl\n",
            "line 1: found 40 hexadecimal digits, expected 64",
        ),
        (
            b"0" * 64 + b"\n",
            "line 1: found 64 hexadecimal digits, expected 64 hexadecimal digits and a file name",
        ),
        (b"SHA256 (test.jsonl) = " + b"0" * 64 + b"\n", "line 1: found 'SHA256 (test.jsonl) = "),
        (b"z" * 64 + b"  test.jsonl\n", "line 1: found 'zzz"),
        (b"0" * 64 + b"  absent.jsonl\n", "absent.jsonl: no such file in the mirror"),
        (b"0" * 64 + b"  test.jsonl\n", "found checksum "),
    ],
)
def test_a_garbled_list_of_checksums_is_named(sums: bytes, message: str, mirror: Path) -> None:
    (mirror / "gsm8k" / SUMS).write_bytes(sums)
    assert message in refused(mirror, GSM8K)


def test_checksums_in_capitals_and_in_any_common_form_are_accepted(mirror: Path) -> None:
    digest = hashlib.sha256((mirror / GSM8K).read_bytes()).hexdigest()
    (mirror / "gsm8k" / SUMS).write_text(f"\n{digest.upper()} *test.jsonl\r\n{digest}  ./test.jsonl\n")
    prepared = prepare("gsm8k", RealBenchmark(benchmark="gsm8k", verify=False), str(mirror))
    assert len(prepared.splits["train"]) == SMALL["train"]


def test_a_folder_in_a_files_place_and_a_file_in_a_folders_are_named(mirror: Path) -> None:
    (mirror / GSM8K).unlink()
    (mirror / GSM8K).mkdir()
    assert refused(mirror, GSM8K).startswith("found a folder, expected a file of the mirror")
    (mirror / "mbpp" / SUMS).mkdir()
    assert "SHA256SUMS: found a folder, expected checksums" in refused(mirror, MBPP)
    with pytest.raises(UserError, match=f"config: mirror: found the file {mirror / MBPP}, expected a mirror"):
        mirror_folder(str(mirror / MBPP))


def test_a_damaged_download_is_not_called_another_edition(tmp_path: Path) -> None:
    for data in (b"PAR1 cut off", b"", b"<html>"):
        (tmp_path / "a.parquet").write_bytes(data)
        with pytest.raises(
            UserError, match=r"a.parquet: not a whole Parquet file \(.*; download it again"
        ) as caught:
            hub.read_parquet(tmp_path / "a.parquet")
        assert "\n" not in str(caught.value)


def test_damaged_prompts_of_the_package_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "package_folder", lambda _: tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / corpora.HUMANEVAL_FILE).write_bytes(damaged(gzip.compress(b'{"prompt": "a"}\n' * 99)))
    with pytest.raises(UserError, match="not a whole gzip file"):
        corpora.prompts("humaneval")
    (tmp_path / corpora.HUMANEVAL_FILE).write_bytes(gzip.compress(b'{"prompt": "a"}\n{"text": "b"}\n'))
    with pytest.raises(UserError, match="row 2: found no prompt"):
        corpora.prompts("humaneval")


def test_other_rows_that_are_accepted_are_warned_of(mirror: Path, caplog: pytest.LogCaptureFixture) -> None:
    prepare("gsm8k", RealBenchmark(benchmark="gsm8k", verify=False), str(mirror))
    assert "gsm8k train: found" in caplog.text and "verify: false" not in caplog.text


def test_half_of_a_character_in_a_mirror_is_named(mirror: Path) -> None:
    path = mirror / GSM8K
    path.write_bytes(changed(question="\ud800?")(path.read_bytes()))
    assert "gsm8k test: row 2: question: found NUL or half of a character" in refused(mirror, GSM8K)
