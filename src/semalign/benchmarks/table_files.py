"""Rows of a user's own file, whatever its format: JSONL, a JSON array, CSV, TSV or Parquet, each also packed by gzip.

The format is that of the content; only a table of text is known by its name (.csv or .tsv). Empty cells of a table are
keys that a row does not have, and a cell with a JSON list is that list.
"""

import csv
import gzip
import io
import json
import re
import zlib
from pathlib import Path
from typing import Any

from semalign.benchmarks.decoding import decode, read_bytes
from semalign.benchmarks.findings import Findings
from semalign.benchmarks.lines import Repeated, Row, kind_of, numbered_rows, unique
from semalign.runtime.errors import UserError

GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
DELIMITERS = {".csv": ",", ".tsv": "\t"}
LIST = re.compile(r"\s*\[.*\]\s*", re.DOTALL)
LISTS = ("choices", "tests", "messages")  # columns that a table of text holds as JSON
WHOLE = ("gold",)  # columns of whole numbers
LARGEST_CELL = 16 * 2**20  # characters
Rows = list[tuple[int, Row]]


def read_rows(path: Path, expected: str, findings: Findings) -> Rows:
    """The rows of a file with their numbers; problems of single rows go to `findings`.

    Rows of a JSONL file have the numbers of their lines, others are counted from 1. Raises UserError, in one line, if
    the file as a whole can't be read.
    """
    data = read_bytes(path, expected)
    if data.startswith(GZIP):
        data = _unpacked(data, path)
    if data.startswith(PARQUET):
        findings.unit = "row"
        return _parquet(data, path)
    text = decode(data, path, expected)
    if delimiter := DELIMITERS.get(_suffix(path)):
        findings.unit = "row"
        return _table(text, path, delimiter, findings)
    if text.lstrip("\ufeff \t\r\n").startswith("[") and (array := _array(text)) is not None:
        findings.unit = "row"
        return _objects(array, path, findings)
    return numbered_rows(text, findings)


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _unpacked(data: bytes, path: Path) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: found damaged gzip data ({error}), expected a whole file") from None


def _parquet(data: bytes, path: Path) -> Rows:
    """The rows of a Parquet file, read with pyarrow, which is imported for such a file only."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows: list[Row] = pq.read_table(pa.BufferReader(data)).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{path}: found a Parquet file that can't be read ({reason})") from None
    return [(number, _present(row)) for number, row in enumerate(rows, 1)]


def _present(value: Any) -> Any:
    """A value without the keys that hold nothing: every row of a Parquet file has all columns, at every depth."""
    if isinstance(value, dict):
        return {str(key): _present(entry) for key, entry in value.items() if entry is not None}
    return [_present(entry) for entry in value] if isinstance(value, list) else value


def _table(text: str, path: Path, delimiter: str, findings: Findings) -> Rows:
    """The rows of a table of text under its first line."""
    csv.field_size_limit(LARGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: Rows = []
    try:
        names = next(filter(None, reader), [])
        _check_names(names, path, delimiter)
        for number, cells in enumerate(filter(None, reader), 1):
            if len(cells) != len(names):
                found = f"found {len(cells)} cells, expected {len(names)}, one for each column"
                findings.add(number, "another number of cells", found)
            else:
                pairs = zip(names, cells, strict=True)
                rows.append((number, {name: _value(name, cell) for name, cell in pairs if cell}))
    except csv.Error as error:
        raise UserError(f"{path}: line {reader.line_num}: found no table ({error})") from None
    return rows


def _check_names(names: list[str], path: Path, delimiter: str) -> None:
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"{path}: found the column {twice!r} twice, expected names that differ")
    other = next((sign for sign in (",", ";", "\t", "|") if sign != delimiter and sign in names[0]), None)
    if len(names) == 1 and other:
        raise UserError(
            f"{path}: found one column {names[0][:60]!r}, expected columns that are divided by {delimiter!r}"
        )


def _value(name: str, cell: str) -> Any:
    """A cell as a text, or as a list or whole number where a row needs one; the checks name what is neither."""
    if name in WHOLE and re.fullmatch(r"-?\d{1,9}", cell.strip()):
        return int(cell)
    if name in LISTS and LIST.fullmatch(cell):
        try:
            return json.loads(cell)
        except (ValueError, RecursionError):
            return cell
    return cell


def _array(text: str) -> list[Any] | None:
    """The entries of a text that is one JSON array; None if it is none, or a single line of a file of lines."""
    try:
        whole = json.loads(text.lstrip("\ufeff"), object_pairs_hook=unique)
    except (Repeated, ValueError, RecursionError):
        return None
    return whole if isinstance(whole, list) and (not whole or isinstance(whole[0], dict)) else None


def _objects(entries: list[Any], path: Path, findings: Findings) -> Rows:
    if not entries:
        raise UserError(f"{path}: found one JSON array with 0 entries, expected some rows")
    rows: Rows = []
    for number, entry in enumerate(entries, 1):
        if isinstance(entry, dict):
            rows.append((number, entry))
        else:
            findings.add(number, "not an object", f"found {kind_of(entry)}, expected a JSON object")
    return rows
