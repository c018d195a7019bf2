"""The source of a published benchmark: its pinned revision, its parts and their checksums.

A source can be read from the hub or from a mirror folder. Both give the same rows, which is checked by a checksum over
the rows (not over the files, whose quoting and compression differ).
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semalign.benchmarks.characters import UNREADABLE
from semalign.benchmarks.lines import kind_of
from semalign.runtime.errors import UserError

Row = dict[str, Any]
EXPECTED = {str: "a string", int: "a whole number", list: "a list of strings"}
Rows = dict[str, list[Row]]  # part -> its rows, in the source's order


@dataclass(frozen=True)
class Part:
    """One part of a source: its file in the hub's repository, its number of rows, and their checksum.

    A part without a checksum is optional; only its revision pins it.
    """

    hub: str
    rows: int
    checksum: str | None


@dataclass(frozen=True)
class Source:
    """One published benchmark.

    `read(folder, parts)` reads rows from the benchmark's folder in a mirror, `write(folder, rows)` writes such a
    folder, and `convert(part, row)` converts a row of the hub.
    """

    name: str
    repository: str
    revision: str
    licence: str
    origin: str
    columns: Mapping[str, type]
    parts: Mapping[str, Part]
    read: Callable[[Path, Iterable[str]], Rows] = field(repr=False)
    write: Callable[[Path, Rows], None] = field(repr=False)
    convert: Callable[[str, Row], Row] = field(repr=False)

    @property
    def required(self) -> list[str]:
        """The parts that every mirror has."""
        return [name for name, part in self.parts.items() if part.checksum]


def keeping(columns: Iterable[str]) -> Callable[[str, Row], Row]:
    """The `convert` of a source whose rows are the hub's, reduced to these columns."""
    kept = tuple(columns)
    return lambda _part, row: {column: row[column] for column in kept}


def checksum(rows: Iterable[Row]) -> str:
    """SHA-256 over the rows, one JSON line each, keys sorted; white space around strings is ignored."""
    total = hashlib.sha256()
    for row in rows:
        total.update(json.dumps(_stripped(row), sort_keys=True).encode() + b"\n")
    return total.hexdigest()


def check_columns(source: Source, rows: Rows, where: str) -> None:
    """Raise UserError, in one line, if a row lacks a column or holds a value of another type in it."""
    for name, part in rows.items():
        for number, row in enumerate(part, 1):
            if missing := [column for column in source.columns if column not in row]:
                raise UserError(
                    f"{where}: {source.name} {name}: row {number} has no {', '.join(missing)}, expected the "
                    f"columns {', '.join(source.columns)}"
                )
            for column, kind in source.columns.items():
                if not _is(row[column], kind):
                    raise UserError(
                        f"{where}: {source.name} {name}: row {number}: {column}: found {kind_of(row[column])}, "
                        f"expected {EXPECTED[kind]}"
                    )
                texts = [row[column]] if isinstance(row[column], str) else row[column]
                if kind is not int and any(map(UNREADABLE.search, texts)):
                    raise UserError(
                        f"{where}: {source.name} {name}: row {number}: {column}: found NUL or half of a character "
                        "(a lone surrogate), expected text; take the file again from its source"
                    )


def _is(value: Any, kind: type) -> bool:
    if isinstance(value, bool) or not isinstance(value, kind):
        return False
    return not isinstance(value, list) or all(isinstance(entry, str) for entry in value)


def verify(source: Source, rows: Rows, where: str) -> None:
    """Compare the rows with those of the pinned revision.

    Raises UserError, in one line, if their number or checksum differs.
    """
    for name, part in rows.items():
        pinned = source.parts[name]
        value = checksum(part)
        if len(part) != pinned.rows or value != (pinned.checksum or value):
            raise UserError(
                f"{where}: {source.name} {name}: found {len(part)} rows with checksum {value[:12]}, expected "
                f"{pinned.rows} with {(pinned.checksum or value)[:12]} (another revision? `verify: false` accepts it)"
            )


def _stripped(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, dict):
        return {key: _stripped(inner) for key, inner in value.items()}
    return [_stripped(inner) for inner in value] if isinstance(value, list) else value
