"""Texts of a user's own file that are allowed and seldom meant: each kind is one warning that names the first row."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from semalign.benchmarks.base import Example
from semalign.benchmarks.characters import HIDDEN_INSIDE, TWICE_ENCODED
from semalign.benchmarks.findings import Numbers, rows_of
from semalign.benchmarks.joining import SEPARATOR, gap
from semalign.benchmarks.numbers import is_number
from semalign.benchmarks.overlap import by_prompt, composed

USUAL = ("", " ", "\n", "\n\n")  # white space between prompt and answer that models know
OPEN = re.compile(r"""(?:[(\[{“‘«‹「『]|(?:^|\s)["'])$""")
ENTITY = re.compile(r"&(?:amp|lt|gt|quot|nbsp|#\d+|#x[0-9a-fA-F]+);")
ESCAPED = re.compile(r"\\u[0-9a-fA-F]{4}|\\n(?![a-z])")  # not the beginning of a command such as \nu
SIGNS = (
    (TWICE_ENCODED, "with text like 'Ã©' for 'é' (UTF-8 read as Windows-1252?)"),
    (HIDDEN_INSIDE, "with invisible characters (soft hyphen, zero-width space or word joiner)"),
    (re.compile("\r"), "with carriage returns (line ends of Windows?), which a model reads as characters"),
    (ENTITY, "with HTML entities such as '&amp;' (taken from a web page?)"),
)


def oddities(path: Path, items: Sequence[Example], lines: Numbers, separator: str | None) -> Iterator[str]:
    """The warnings of a file; `separator` is the one that the user has asked for."""
    code = items[0].tests is not None
    yield from _ends_of_programs(path, items, lines) if code else _joints(path, items, lines, separator)
    texts = {item.id: _texts(item) for item in items}
    for pattern, what in SIGNS:
        found = [item for item in items if any(map(pattern.search, texts[item.id]))]
        yield from _counted(path, found, lines, what)
    if not code:
        found = [item for item in items if any(map(_escaped, texts[item.id]))]
        yield from _counted(path, found, lines, "with escapes written out, such as \\n (encoded twice?)")
        yield from _numbers(path, items, lines)
    yield from _forms(path, texts, lines)
    yield from _clashes(path, items, lines)


def unlike(pool: tuple[Path, Sequence[Example]], test: tuple[Path, Sequence[Example]]) -> list[str]:
    """A warning if the rows of two files are joined in different ways."""
    (path, rows), (other, tested) = pool, test
    most = [
        Counter(gap(item.prompt, item.answer) for item in items).most_common(1)[0][0]
        for items in (rows, tested)
    ]
    if rows[0].tests is not None or most[0] == most[1]:
        return []
    return [
        f"{other}: the white space between prompt and answer is {most[1]!r}, but {most[0]!r} in {path}: a model is "
        "trained on another form of text than it is tested on"
    ]


def _counted(path: Path, found: Sequence[Example], lines: Numbers, what: str) -> Iterator[str]:
    if found:
        yield f"{path}: {rows_of(len(found))} {what}, first in {lines.of(found[0].id)}"


def _ends_of_programs(path: Path, items: Sequence[Example], lines: Numbers) -> Iterator[str]:
    spaced = [item for item in items if item.prompt.endswith((" ", "\t"))]
    yield from _counted(
        path, spaced, lines, "with a space at the end of the prompt (it belongs to the answer)"
    )


def _joints(path: Path, items: Sequence[Example], lines: Numbers, separator: str | None) -> Iterator[str]:
    """Warnings on what is between prompt and answer."""
    gaps = Counter(gap(item.prompt, item.answer) for item in items)
    if len(gaps) > 1:
        yield f"{path}: the white space between prompt and answer differs: {_gaps(gaps, items, lines)}"
    strange = [item for item in items if gap(item.prompt, item.answer) not in (*USUAL, separator)]
    if strange:
        found = gap(strange[0].prompt, strange[0].answer)
        what = f"with unusual white space between prompt and answer ({found!r}; models know a space or a line break)"
        yield from _counted(path, strange, lines, what)
    opened = [
        item
        for item in items
        if gap(item.prompt, item.answer) == SEPARATOR and OPEN.search(item.prompt.rstrip())
    ]
    what = 'with a space after an open bracket or quotation mark (`separator: ""` puts none)'
    yield from _counted(path, opened, lines, what)


def _gaps(gaps: Counter[str], items: Sequence[Example], lines: Numbers) -> str:
    first: dict[str, int] = {}
    for item in items:
        first.setdefault(gap(item.prompt, item.answer), lines[item.id])
    most = gaps.most_common(3)
    return ", ".join(
        f"{text!r} in {rows_of(count)} (first in {lines.unit} {first[text]})" for text, count in most
    )


def _texts(item: Example) -> tuple[str, ...]:
    return (item.prompt, item.answer, *(item.choices or []), item.target or "")


def _escaped(text: str) -> bool:
    return "\\" in text and "\n" not in text.strip() and ESCAPED.search(text) is not None


def _numbers(path: Path, items: Sequence[Example], lines: Numbers) -> Iterator[str]:
    """Targets with digits that are compared as text, beside others that are compared as numbers."""
    targets = [item for item in items if item.target]
    texts = [item for item in targets if not is_number(item.target or "")]
    found = [item for item in texts if re.search(r"\d", item.target or "")]
    if found and len(found) == len(texts) < len(targets):
        what = (
            f"whose target is compared as text, such as {found[0].target!r}, beside targets that are numbers"
        )
        yield from _counted(path, found, lines, what)


def _forms(path: Path, texts: dict[str, tuple[str, ...]], lines: Numbers) -> Iterator[str]:
    """Letters with accents that are written in two ways."""
    wide = {id_: [text for text in of_row if not text.isascii()] for id_, of_row in texts.items()}
    apart = [id_ for id_, of_row in wide.items() if any(composed(text) != text for text in of_row)]
    if apart:
        yield (
            f"{path}: {rows_of(len(apart))} with accents as characters of their own (no Unicode NFC), first in "
            f"{lines.of(apart[0])}; a model reads them as other tokens"
        )


def _clashes(path: Path, items: Sequence[Example], lines: Numbers) -> Iterator[str]:
    answers: dict[str, Example] = {}
    clashes = []
    for item in items:
        earlier = answers.setdefault(by_prompt(item), item)
        if item.answer.strip() != earlier.answer.strip():
            clashes.append((lines[earlier.id], lines[item.id]))
    if clashes:
        yield (
            f"{path}: {rows_of(len(clashes))} with another answer to the prompt of an earlier row (first: "
            f"{lines.unit}s {clashes[0][0]} and {clashes[0][1]}); only the first answer is used for training"
        )
