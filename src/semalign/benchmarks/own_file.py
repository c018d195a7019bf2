"""A user's own file as items: every row checked, the file's form and kind, and what deserves a warning."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from semalign.benchmarks.base import Example
from semalign.benchmarks.findings import Findings, Numbers
from semalign.benchmarks.lines import Row
from semalign.benchmarks.oddities import oddities
from semalign.benchmarks.row_forms import Form, form_of, ignored
from semalign.benchmarks.rows import Layout, item_of, kind_of_row
from semalign.benchmarks.table_files import Rows, read_rows
from semalign.runtime.errors import UserError

EXPECTED = "a JSONL file with a `prompt` and an `answer` per line"
PLAIN = Layout()


@dataclass(frozen=True)
class OwnFile:
    """The items of a file, the rows that they are in (by id), their form, how they are scored, and warnings."""

    path: Path
    items: list[Example]
    lines: Numbers
    kind: str
    form: Form
    warnings: list[str] = field(default_factory=list)


def read_file(path: Path, layout: Layout = PLAIN) -> OwnFile:
    """Read a file of rows of any form and format; raises UserError with the problems of all its rows."""
    findings = Findings(path)
    rows = read_rows(path, EXPECTED, findings)
    if not rows and not findings.lines:
        raise UserError(f"{path}: found no row, expected one object with `prompt` and `answer` per line")
    items: list[Example] = []
    lines = Numbers(findings.unit)
    for number, (line, row) in enumerate(rows, 1):
        item = item_of(findings, line, row, number, layout)
        if item is None:
            continue
        if item.id in lines:
            text = f"id: found {item.id!r} again (first in {lines.of(item.id)}), expected ids that differ"
            findings.add(line, "repeated ids", text)
        lines.setdefault(item.id, line)
        items.append(item)
    form = form_of(rows[0][1]) if rows else None
    problems = [*_mixed(path, rows, findings.unit), *findings.lines]
    if problems or form is None:
        raise UserError(*problems)
    warnings = [*_ignored(path, rows), *oddities(path, items, lines, layout.separator)]
    return OwnFile(path, items, lines, kind_of_row(rows[0][1]), form, warnings)


def unlike_files(pool: OwnFile, test: OwnFile) -> Iterator[str]:
    """The lines for a test file whose rows are of another form or kind."""
    if pool.form.question != test.form.question:
        yield (
            f"{test.path}: found rows with {test.form.words}, but {pool.path} has rows with {pool.form.words}; "
            "expected the same form, as a model is trained on the text that it is tested on"
        )
    if pool.kind != test.kind:
        yield (
            f"{test.path}: found rows with {test.kind}, but {pool.path} has rows with {pool.kind}; expected the same "
            "kind, as they are scored in one way"
        )


def _ignored(path: Path, rows: Rows) -> Iterator[str]:
    """The note on columns that nothing reads."""
    names = ignored(form_of(rows[0][1]), [row for _, row in rows])
    if names:
        yield f"{path}: columns that are ignored: {', '.join(map(repr, names[:12]))}{', ...' if names[12:] else ''}"


def _mixed(path: Path, rows: Rows, unit: str) -> Iterator[str]:
    """The lines for rows of several forms, or of several kinds, which no one scorer can read."""
    if found := _several(rows, lambda row: form_of(row).words, unit):
        yield f"{path}: found rows of several forms: {found}; expected one form per file"
    if found := _several(rows, kind_of_row, unit):
        yield (
            f"{path}: found rows of several kinds: {found}; expected one kind per file, as they are scored in one way"
        )


def _several(rows: Rows, name: Callable[[Row], str], unit: str) -> str:
    """Each name with its rows in words; empty if all rows have the same one."""
    first: dict[str, int] = {}
    counts = Counter(name(row) for _, row in rows)
    for line, row in rows:
        first.setdefault(name(row), line)
    if len(first) < 2:
        return ""
    return ", ".join(f"{counts[kind]:,} with {kind} (first in {unit} {line})" for kind, line in first.items())
