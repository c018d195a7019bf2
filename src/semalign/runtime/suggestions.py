"""Lists of names for error messages, with the nearest one to what was found."""

import difflib
from collections.abc import Iterable
from pathlib import Path


def one_of(found: object, names: Iterable[object], rest: str = "") -> str:
    """Return `one of a, b, c`, followed by `rest` and, in brackets, by the name that is most like `found`."""
    known = [str(name) for name in names]
    return f"one of {', '.join(known) or 'none (empty section)'}{rest}{hint(found, known)}"


def hint(found: object, known: Iterable[str]) -> str:
    """Return ` (did you mean x?)`, or an empty text if no name is similar."""
    close = nearest(found, known)
    return f" (did you mean {close}?)" if close else ""


def nearest(found: object, known: Iterable[str]) -> str | None:
    """Return the name that is most similar to a text, whatever its case; None if none is."""
    if not isinstance(found, str):
        return None
    names = {_plain(name): name for name in reversed(list(known))}
    close = difflib.get_close_matches(_plain(found), names, 1)
    return names[close[0]] if close else None


def names_in(folder: Path) -> list[str]:
    """Return the names of the files in a folder; none if it can't be read."""
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")
