"""Checks of names, which become folders and files."""

import re
from collections.abc import Iterable, Iterator

from semalign.study.references import Check
from semalign.study.sections import Study

NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9_-])?")
FORM = "a letter or digit, then letters, digits, '.', '_' or '-', and no '.' at the end"
LONGEST = 100  # bytes of a name; files join two of them, and file systems allow 255 bytes
# bytes of a folder's name that joins several settings; a temporary folder's name is longer
LONGEST_PART = 200

MEAN = "mean"
REFERENCES = ("student", "teacher")  # methods that every table compares with


def names(study: Study) -> Iterator[str]:
    """Names that are no file names, that are too long, or that differ from another one in upper and lower case only."""
    yield from _form("study", study.study)
    for section in ("models", "pairs", "benchmarks", "methods"):
        own = list(getattr(study, section))
        for name in own:
            yield from _form(f"{section}.{name}", name)
        yield from _alike(section, own)


def taken(study: Study) -> Iterator[str]:
    """Names that tables use for something else."""
    for name in study.benchmarks:
        if name.lower() == MEAN:
            yield f"benchmarks.{name}: found the name that tables give the mean over benchmarks, expected another one"
    for name, settings in study.methods.items():
        key = f"methods.{name}"
        for section in ("benchmarks", "pairs"):
            if name in getattr(study, section):
                yield f"{key}: found the name of {section}.{name}, expected another one, since tables print both"
        if settings.method in REFERENCES and name not in REFERENCES:
            kind = settings.method
            yield f"{key}: found method {kind}, expected it under the name {kind}, by which tables know it"
        if name in REFERENCES and settings.method != name:
            yield f"{key}.method: found {settings.method!r}, expected {name}, by whose name tables know it"


def _form(key: str, name: str) -> Iterator[str]:
    if not NAME.fullmatch(name):
        yield f"{key}: found the name {name!r}, expected {FORM}"
    elif len(name) > LONGEST:
        yield f"{key}: found a name of {len(name)} characters, expected at most {LONGEST}"


def _alike(key: str, own: Iterable[str]) -> Iterator[str]:
    first: dict[str, str] = {}
    for name in own:
        other = first.setdefault(name.lower(), name)
        if other != name:
            yield f"{key}: found {other!r} and {name!r}, expected names that differ in more than upper and lower case"


CHECKS: tuple[Check, ...] = (names, taken)
