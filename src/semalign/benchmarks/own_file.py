"""A user's own file as items: every row checked, the file's kind, and what deserves a warning."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from semalign.benchmarks.base import Example
from semalign.benchmarks.characters import HIDDEN_INSIDE, TWICE_ENCODED
from semalign.benchmarks.decoding import read_text
from semalign.benchmarks.findings import Findings, rows_of
from semalign.benchmarks.joining import gap
from semalign.benchmarks.lines import Row, numbered_rows
from semalign.benchmarks.overlap import by_prompt
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
    return OwnFile(path, items, lines, kind_of_row(rows[0][1]), list(_oddities(path, items, lines)))


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


def _oddities(path: Path, items: list[Example], lines: dict[str, int]) -> Iterator[str]:
    """Warnings: texts that are allowed and seldom meant."""
    if items[0].tests is None:
        gaps = Counter(gap(item.prompt, item.answer) for item in items)
        if len(gaps) > 1:
            yield f"{path}: the white space between prompt and answer differs: {_gaps(gaps, items, lines)}"
    else:
        spaced = [
            item for item in items if item.prompt.endswith(" ") and item.prompt.rpartition("\n")[2].strip()
        ]
        if spaced:
            first = lines[spaced[0].id]
            yield f"{path}: {rows_of(len(spaced))} with a space at the end of the prompt, first in line {first}"
    wide = [(item, texts) for item in items if (texts := _wide_texts(item))]
    for pattern, what in (
        (TWICE_ENCODED, "with text like 'Ã©' for 'é' (UTF-8 read as Windows-1252?)"),
        (HIDDEN_INSIDE, "with invisible characters (soft hyphen, zero-width space or word joiner)"),
    ):
        found = [item for item, texts in wide if any(map(pattern.search, texts))]
        if found:
            yield f"{path}: {rows_of(len(found))} {what}, first in line {lines[found[0].id]}"
    answers: dict[str, Example] = {}
    clashes = []
    for item in items:
        earlier = answers.setdefault(by_prompt(item), item)
        if item.answer.strip() != earlier.answer.strip():
            clashes.append((lines[earlier.id], lines[item.id]))
    if clashes:
        yield (
            f"{path}: {rows_of(len(clashes))} with another answer to the prompt of an earlier row (first: lines "
            f"{clashes[0][0]} and {clashes[0][1]}); only the first answer is used for training"
        )


def _wide_texts(item: Example) -> list[str]:
    texts = (item.prompt, item.answer, *(item.choices or []), item.target or "")
    return [text for text in texts if not text.isascii()]


def _gaps(gaps: Counter[str], items: list[Example], lines: dict[str, int]) -> str:
    first: dict[str, int] = {}
    for item in items:
        first.setdefault(gap(item.prompt, item.answer), lines[item.id])
    most = gaps.most_common(3)
    return ", ".join(f"{text!r} in {rows_of(count)} (first in line {first[text]})" for text, count in most)
