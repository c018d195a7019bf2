"""Headers of safetensors files, read without torch: the names, types and shapes of a file's tensors."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semalign.runtime.errors import UserError

LONGEST = 100_000_000  # bytes; the library refuses longer headers
METADATA = "__metadata__"
POINTER = b"version https://git-lfs"
BITS = {
    **{"F64": 64, "F32": 32, "F16": 16, "BF16": 16},
    **{"I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8},
    **{"C64": 64, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8},
    **{"F6_E2M3": 6, "F6_E3M2": 6, "F4": 4},
}
FLOATS = ("F64", "F32", "F16", "BF16")  # what a weight may be stored as


@dataclass(frozen=True)
class Entry:
    """A tensor in a file: its file, its name there, its type as safetensors calls it, and its shape."""

    path: Path
    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Size of the data."""
        return math.prod(self.shape) * BITS.get(self.dtype, 0) // 8


def read_start(path: Path, what: str) -> bytes:
    """The first bytes of a file, which should be `what`.

    Raises UserError if it is absent, can't be read, is a page of a web server, or a Git LFS pointer.
    """
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise UserError(f"{path}: {unreadable(path, error)}, expected {what}") from None
    if start.lstrip()[:1] == b"<":
        raise UserError(f"{path}: found a page of text (HTML or XML), expected {what}; download it again")
    if start.startswith(POINTER):
        raise UserError(
            f"{path}: found a Git LFS pointer, expected {what}; run `git lfs pull` in its repository, or download it"
        )
    return start


def unreadable(path: Path, error: OSError) -> str:
    """Why a file or folder can't be read."""
    if isinstance(error, FileNotFoundError):
        gone = f" (it is a link to {path.readlink()}, which does not exist)" if path.is_symlink() else ""
        return f"no such file{gone}"
    if isinstance(error, PermissionError):
        return "can't be read (permission denied)"
    return f"can't be read ({error.strerror or error})"


def read_header(path: Path, what: str = "a safetensors file") -> dict[str, Entry]:
    """The tensors of a file by name, from its header alone.

    Raises UserError if the file is absent, unreadable, cut short, or no safetensors file.
    """
    start = read_start(path, what)
    size = path.stat().st_size
    length = int.from_bytes(start[:8], "little")
    if size < 8 or length > LONGEST:
        raise UserError(f"{path}: found {size} bytes that are no safetensors file; download or save it again")
    if 8 + length > size:
        raise UserError(_cut(path, size, 8 + length))
    with path.open("rb") as file:
        file.seek(8)
        content = file.read(length)
    try:
        header: dict[str, Any] = json.loads(content)
        entries = {name: entry for name, entry in header.items() if name != METADATA}
        notes = header.get(METADATA, {})
        if not isinstance(notes, dict) or not all(isinstance(note, str) for note in notes.values()):
            raise ValueError(f"{METADATA} is no object of texts")
        places = [_place(name, entry) for name, entry in entries.items()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: found a damaged header ({error}), expected a safetensors file") from None
    end = _end(path, places)
    if size != 8 + length + end:
        raise UserError(_cut(path, size, 8 + length + end))
    return {name: Entry(path, name, entry["dtype"], tuple(entry["shape"])) for name, entry in entries.items()}


def _place(name: str, entry: dict[str, Any]) -> tuple[int, int]:
    """Begin and end of a tensor's data; raises ValueError if they do not fit its type and shape."""
    begin, end = entry["data_offsets"]
    shape, dtype = entry["shape"], entry["dtype"]
    numbers = [*shape, begin, end]
    if any(type(number) is not int or number < 0 for number in numbers) or not isinstance(dtype, str):
        raise ValueError(f"{name}: {entry}")
    if dtype in BITS and (end - begin) * 8 != math.prod(shape) * BITS[dtype]:
        raise ValueError(f"{name}: {end - begin} bytes do not hold {list(shape)} of {dtype}")
    return begin, end


def _end(path: Path, places: list[tuple[int, int]]) -> int:
    """Where the data end; raises UserError if they overlap or leave gaps."""
    at = 0
    for begin, end in sorted(places):
        if begin != at:
            raise UserError(f"{path}: found a damaged header (data at byte {begin}, expected {at})")
        at = end
    return at


def _cut(path: Path, size: int, expected: int) -> str:
    return (
        f"{path}: found {size} bytes, expected {expected} according to its header; the file is damaged or incomplete, "
        "copy or download it again"
    )
