"""A part of a page that a script writes, between two marks."""

from pathlib import Path

from semalign.runtime.errors import UserError
from semalign.runtime.files import write_text


def fill(page: Path, begin: str, end: str, text: str) -> None:
    """Replace the text between the marks `begin` and `end`; raises UserError if one is missing."""
    before, after = check_marks(page, begin, end)
    write_text(page, f"{before}{begin}\n\n{text}\n\n{end}{after}")


def check_marks(page: Path, begin: str, end: str) -> tuple[str, str]:
    """Return the text before and after the marks; raises UserError if one is missing."""
    before, first, rest = page.read_text(encoding="utf-8").partition(begin)
    _, last, after = rest.partition(end)
    if not (first and last):
        raise UserError(f"{page}: found no pair of marks, expected {begin!r} and {end!r}")
    return before, after
