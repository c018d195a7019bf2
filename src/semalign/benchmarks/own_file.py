"""A user's own file as items: every row checked, the file's kind, and what deserves a warning."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from semalign.benchmarks.base import Example
from semalign.benchmarks.decoding import read_text
from semalign.benchmarks.findings import Findings
from semalign.benchmarks.lines import Row, numbered_rows
from semalign.benchmarks.oddities import oddities
from semalign.benchmarks.rows import item_of, kind_of_row
from semalign.runtime.errors import UserError

EXPECTED = "a JSONL file with a `prompt` and an `answer` per line"


@dataclass(frozen=True)
class OwnFile:
    """The items of a file, the lines that they are in (by id), how they are scored, and warnings."""

    path: Path
    items: list[Example]
    lines: dict[str, int]
    kind: str
    warnings: list[str] = field(default_factory=list)


def read_file(path: Path, separator: str | None = None) -> OwnFile:
    """Read a file; raises UserError with the problems of all its rows.

    Args:
        path: The file.
        separator: What is put between prompt and answer. Default: that of the row's kind.
    """
    findings = Findings(path)
    rows = numbered_rows(read_text(path, EXPECTED), findings)
    if not rows and not findings.lines:
        raise UserError(f"{path}: found no row, expected one object with `prompt` and `answer` per line")
    items: list[Example] = []
    lines: dict[str, int] = {}
    for number, (line, row) in enumerate(rows, 1):
        item = item_of(findings, line, row, number, separator)
        if item is None:
            continue
        if item.id in lines:
            text = f"id: found {item.id!r} again (first in line {lines[item.id]}), expected ids that differ"
            findings.add(line, "repeated ids", text)
        lines.setdefault(item.id, line)
        items.append(item)
    problems = [*_mixed(path, rows), *findings.lines]
    if problems:
        raise UserError(*problems)
    return OwnFile(path, items, lines, kind_of_row(rows[0][1]), list(oddities(path, items, lines, separator)))


def _mixed(path: Path, rows: list[tuple[int, Row]]) -> list[str]:
    """The line for rows of several kinds, which no one scorer can read."""
    first: dict[str, int] = {}
    counts = Counter(kind_of_row(row) for _, row in rows)
    for line, row in rows:
        first.setdefault(kind_of_row(row), line)
    if len(first) < 2:
        return []
    kinds = ", ".join(f"{counts[kind]:,} with {kind} (first in line {line})" for kind, line in first.items())
    return [
        f"{path}: found rows of several kinds: {kinds}; expected one kind per file, as they are scored in one way"
    ]
