"""Lists of the available methods, maps, benchmarks and so on: `python -m semalign list methods`."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from semalign.benchmarks.registry import BENCHMARKS, PUBLISHED
from semalign.methods.registry import METHODS
from semalign.models.architectures import ARCHITECTURES
from semalign.report.figures.registry import FIGURES
from semalign.runtime.errors import UserError
from semalign.runtime.registry import Entry
from semalign.signals.semantics.registry import MAPS

USAGE = "python -m semalign list"
NOTEBOOKS = Path("notebooks")
EXPERIMENTAL = "experimental"  # printed instead of a paper


class Row(NamedTuple):
    """One line of a list."""

    name: str
    title: str
    paper: str
    summary: str


def main() -> None:
    """Print the list that the command line names; a mistake is one line on standard error and exit status 1."""
    try:
        print("\n".join(lines_of(sys.argv[1:])))
    except UserError as error:
        sys.exit(error.report())


def lines_of(arguments: Sequence[str]) -> list[str]:
    """Return the lines of `list <kind>`. Raises UserError for any other command."""
    if len(arguments) != 2 or arguments[0] != "list" or arguments[1] not in LISTS:
        raise UserError(f"found {' '.join(arguments)!r}, expected `{USAGE}` and one of {', '.join(LISTS)}")
    return table(LISTS[arguments[1]]())


def table(rows: Sequence[Row]) -> list[str]:
    """Return rows as lines with aligned columns; a column that is empty in all rows is left out."""
    widths = [max(map(len, column), default=0) for column in zip(*rows, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True) if width).rstrip()
        for row in rows
    ]


def methods() -> list[Row]:
    """List the methods: those with a paper, then the others, then the experimental ones."""
    rows = sorted(map(_row, METHODS.values()), key=lambda row: not row.paper)
    return sorted(rows, key=lambda row: row.paper == EXPERIMENTAL)


def maps() -> list[Row]:
    """List the maps from a teacher's space to a student's space."""
    return [_row(entry) for entry in MAPS.values()]


def benchmarks() -> list[Row]:
    """List the embedded benchmarks, then the published ones."""
    return [_row(entry) for entry in [*BENCHMARKS.values(), *PUBLISHED.values()]]


def figures() -> list[Row]:
    """List the figures."""
    return [_row(entry) for entry in FIGURES.values()]


def architectures() -> list[Row]:
    """List the supported architectures, by the class name in a model's config.json."""
    return [
        Row(
            name,
            "",
            "",
            f"layers at {facts.layers}, head {facts.head}, adapts {', '.join(facts.projections)}",
        )
        for name, facts in ARCHITECTURES.items()
    ]


def notebooks() -> list[Row]:
    """List the notebooks in the working directory, with their headings."""
    return [Row(path.stem, _heading(path), "", "") for path in sorted(NOTEBOOKS.glob("*.ipynb"))]


LISTS: dict[str, Callable[[], list[Row]]] = {
    "methods": methods,
    "maps": maps,
    "benchmarks": benchmarks,
    "figures": figures,
    "architectures": architectures,
    "notebooks": notebooks,
}


def _row(entry: Entry) -> Row:
    default = EXPERIMENTAL if f".{EXPERIMENTAL}." in entry.module else ""
    return Row(entry.name, entry.title, entry.facts.get("paper", default), entry.summary)


def _heading(path: Path) -> str:
    first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]
    return "".join(first).partition("\n")[0].lstrip("# ")
