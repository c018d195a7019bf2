"""Reading of text files: UTF-8, with or without a byte-order mark; anything else is named as what it is.

Used for users' own files, mirrors, corpora and documents, so that no text is ever read as another one.
"""

import re
import shlex
from pathlib import Path

from semalign.runtime.errors import UserError

BOM = b"\xef\xbb\xbf"
WIDE = {  # longest mark first: UTF-32's begins with UTF-16's
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
PACKED = {  # data -> the command that unpacks it
    b"\x1f\x8b": ("gzip-compressed data", "gunzip"),
    b"\x28\xb5\x2f\xfd": ("zstd-compressed data", "unzstd"),
    b"BZh": ("bzip2-compressed data", "bunzip2"),
    b"\xfd7zXZ": ("xz-compressed data", "unxz"),
}
BINARY = {
    b"PK\x03\x04": "a zip archive or spreadsheet (unpack it, or export it as JSONL)",
    b"PAR1": "a Parquet file (export it with pandas' `to_json(orient='records', lines=True)`)",
    b"ARROW1": "an Arrow file (export it with `datasets`' `to_json`)",
    b"7z\xbc\xaf": "a 7z archive (unpack it)",
    b"SQLite format 3": "an SQLite database (export its rows as JSONL)",
    b"%PDF-": "a PDF file (export its text)",
    b"\x89PNG": "an image",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "an HDF5 file",
    b"\x80\x04\x95": "a pickle",
    b"GGUF": "a GGUF model",
}
TEXTUAL = {
    b"version https://git-lfs": "a Git LFS pointer instead of the file (fetch it with `git lfs pull`)",
    b"/annex/objects/": "a git-annex pointer instead of the file (fetch it with `git annex get`)",
    b"<!doctype html": "a web page (was the file downloaded from a page instead of its raw address?)",
    b"<html": "a web page (was the file downloaded from a page instead of its raw address?)",
}
SHORTEST = 16  # bytes from which the share of zeros says something
PAIRS = re.compile(rb"[\x80-\xff]{2}")
TEXT_SUFFIXES = (".jsonl", ".txt", ".csv")


def user_path(path: Path | str) -> Path:
    """The path with `~` expanded; unchanged if there is no such home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def read_text(path: Path, expected: str) -> str:
    """Read a text file; raises UserError, in one line, if it is missing, unreadable, empty or not UTF-8."""
    return decode(read_bytes(path, expected), path, expected)


def read_bytes(path: Path, expected: str) -> bytes:
    """Read a file; raises UserError, in one line, if there is none, or it can't be read or is empty."""
    try:
        if path.is_dir():
            raise UserError(f"{path}: found a folder, expected {expected}")
        if path.is_symlink() and not path.exists():
            raise UserError(f"{path}: no such file (a link to {path.readlink()}); expected {expected}")
        if not path.exists():
            raise UserError(f"{path}: no such file; expected {expected}")
        if not path.is_file():
            raise UserError(f"{path}: found a device or pipe, expected {expected}")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path}: can't be read ({reason}); expected {expected}") from None
    if not data.removeprefix(BOM).strip():
        raise UserError(f"{path}: found an empty file, expected {expected}")
    return data


def decode(data: bytes, path: Path, expected: str) -> str:
    """Decode a file's content; raises UserError, in one line, that says what it is instead of UTF-8 text."""
    if kind := _other_kind(data, path):
        raise UserError(f"{path}: found {kind}, expected {expected}")
    if encoding := _wide(data):
        raise UserError(
            f"{path}: found {encoding} text, expected UTF-8; convert it: {_iconv(encoding, path)}"
        )
    try:
        return data.removeprefix(BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(_undecodable(data.removeprefix(BOM), error, path)) from None


def _other_kind(data: bytes, path: Path) -> str | None:
    for magic, (kind, command) in PACKED.items():
        if data.startswith(magic):
            return f"{kind} (unpack it: `{command} < {shlex.quote(str(path))} > {_new(path)}`)"
    start = data[:512].removeprefix(BOM).lstrip().lower()
    kinds = (kind for magic, kind in BINARY.items() if data.startswith(magic))
    texts = (kind for magic, kind in TEXTUAL.items() if start.startswith(magic))
    return next(kinds, None) or next(texts, None)


def _wide(data: bytes) -> str | None:
    """The encoding of a text in units of two or four bytes, recognised by its mark or its zero bytes."""
    for mark, encoding in WIDE.items():
        if data.startswith(mark):
            return encoding
    head = data[:4096]
    if len(head) < SHORTEST:
        return None
    zeros = [head[at::4].count(0) / max(len(head[at::4]), 1) for at in range(4)]
    if min(zeros[2:]) > 0.9 or min(zeros[:2]) > 0.9:
        return "UTF-32LE" if zeros[3] > zeros[0] else "UTF-32BE"
    even, odd = max(zeros[0::2]), max(zeros[1::2])
    if max(even, odd) > 0.2 and min(even, odd) < 0.02:
        return "UTF-16LE" if odd > even else "UTF-16BE"
    return None


def _undecodable(data: bytes, error: UnicodeDecodeError, path: Path) -> str:
    """The line for bytes that are not UTF-8: the first of them, how many lines have some, and what to do."""
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    bad = {number for number, line in enumerate(lines, 1) if not _decodes(line)}
    number = data.count(b"\n", 0, error.start) + 1
    at = error.start - data.rfind(b"\n", 0, error.start)
    where = f"{path}: line {number}, byte {at}: found 0x{data[error.start]:02X}, which is not UTF-8"
    if error.reason == "unexpected end of data":
        return f"{where}: the file ends within a character (cut off?); expected a whole file"
    if data.count(b"\0") > 0:
        return f"{path}: found binary data (line {number}, byte {at}: 0x{data[error.start]:02X}), expected UTF-8 text"
    others = any(not line.isascii() for number, line in enumerate(lines, 1) if number not in bad)
    many = f" ({len(bad):,} lines have such bytes)" if len(bad) > 1 else ""
    if others:
        return f"{where}{many}; other lines are UTF-8, so convert only such lines, or save the file as UTF-8 again"
    return f"{where}{many}; expected UTF-8: convert it from the encoding that it was saved in{_likely(data, path)}"


def _decodes(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _likely(data: bytes, path: Path) -> str:
    """The command for a Western language, whose bytes beyond ASCII are few and apart, or else a general one."""
    together = len(PAIRS.findall(data))
    if together * 4 < len(data) - len(data.translate(None, bytes(range(128, 256)))):
        return f", likely with {_iconv('WINDOWS-1252', path)}"
    return f": {_iconv('ENCODING', path)} (such as SHIFT_JIS, GB18030 or WINDOWS-1251)"


def _iconv(encoding: str, path: Path) -> str:
    return f"`iconv -f {encoding} -t UTF-8 {shlex.quote(str(path))} > {_new(path)}`"


def _new(path: Path) -> str:
    return f"new{path.suffix if path.suffix in TEXT_SUFFIXES else '.jsonl'}"
