"""The header of a GGUF file, read without a library: whether the file is whole, and what it says of the model."""

import math
import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from semalign.models.headers import read_start, unreadable
from semalign.runtime.errors import UserError

MAGIC = b"GGUF"
WHAT = "a GGUF file"
VERSIONS = (2, 3)
# value types of the format: struct's letter by number; 8 is a string, 9 an array
NUMBERS = dict(enumerate("BbHhIif?", start=0)) | {10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
ALIGNMENT = "general.alignment"


def read_gguf(path: Path) -> tuple[dict[str, Any], list[str]]:
    """The single values of the header by key, and the names of the tensors; arrays are skipped.

    Raises UserError if the file is absent, unreadable, cut short, or no GGUF file.
    """
    start = read_start(path, WHAT)
    if start[:4] != MAGIC:
        raise UserError(f"{path}: found {start[:4]!r} at its beginning, expected {MAGIC!r} of {WHAT}")
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            reader = _Reader(content)
            values, end = reader.header()
            size = len(content)
    except (struct.error, UnicodeDecodeError, KeyError, IndexError, OverflowError, ValueError) as error:
        raise UserError(f"{path}: found a damaged or incomplete header ({error}), expected {WHAT}") from None
    except OSError as error:
        raise UserError(f"{path}: {unreadable(path, error)}, expected {WHAT}") from None
    if size < end:
        raise UserError(
            f"{path}: found {size} bytes, expected {end} according to its header; the file is incomplete, copy or "
            "install it again"
        )
    return values, reader.names


class _Reader:
    """Reads values one after the other."""

    def __init__(self, content: mmap.mmap) -> None:
        self.content = content
        self.at = 4
        self.names: list[str] = []  # of tensors

    def header(self) -> tuple[dict[str, Any], int]:
        """The values, and where the data of the last tensor ends."""
        version, tensors, keys = self.take("IQQ")
        if version not in VERSIONS:
            raise ValueError(f"version {version}, expected {' or '.join(map(str, VERSIONS))}")
        values = dict(self._pairs(keys))
        ends = [self._tensor() for _ in range(tensors)]
        step = values.get(ALIGNMENT, 32)
        return values, -(-self.at // step) * step + max(ends, default=0)

    def take(self, form: str) -> tuple[Any, ...]:
        """Values in struct's notation, little-endian without padding."""
        values = struct.unpack_from(f"<{form}", self.content, self.at)
        self.at += struct.calcsize(f"<{form}")
        return values

    def _pairs(self, count: int) -> Iterator[tuple[str, Any]]:
        for _ in range(count):
            key = self._string()
            value = self._value(self.take("I")[0])
            if value is not None:
                yield key, value

    def _string(self) -> str:
        (length,) = self.take("Q")
        text = self.content[self.at : self.at + length]
        if len(text) != length:
            raise ValueError("it ends within a text")
        self.at += length
        return text.decode("utf-8")

    def _value(self, kind: int) -> Any:
        if kind == STRING:
            return self._string()
        if kind in NUMBERS:
            return self.take(NUMBERS[kind])[0]
        if kind != ARRAY:
            raise ValueError(f"a value of type {kind}")
        inner, count = self.take("IQ")
        if inner in NUMBERS:
            self.at += count * struct.calcsize(f"<{NUMBERS[inner]}")
            return None
        for _ in range(count):
            if inner == STRING:  # only its length is read: vocabularies are long
                (length,) = self.take("Q")
                self.at += length
            else:
                self._value(inner)
        return None

    def _tensor(self) -> int:
        """Where a tensor's data ends, from the beginning of all data."""
        from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

        name = self._string()
        self.names.append(name)
        (dimensions,) = self.take("I")
        shape = self.take(f"{dimensions}Q")
        kind, offset = self.take("IQ")
        try:
            elements, size = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
        except (ValueError, KeyError):
            raise ValueError(f"{name} is of the unknown type {kind}") from None
        return int(offset + math.prod(shape) // elements * size)
