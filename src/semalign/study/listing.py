"""Lists of the available methods, maps, benchmarks and so on: `python -m semalign list methods`."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from semalign import __version__
from semalign.benchmarks.registry import BENCHMARKS, PUBLISHED
from semalign.methods.registry import METHODS
from semalign.models.architectures import ARCHITECTURES
from semalign.report.figures.registry import FIGURES
from semalign.runtime.errors import UserError
from semalign.runtime.registry import Entry
from semalign.runtime.suggestions import hint, one_of
from semalign.signals.semantics.registry import MAPS

USAGE = "python -m semalign list"
HELP = """\
usage: python -m semalign list {kinds}

Lists what a config can name: methods, maps and so on, with titles, papers and summaries.

To run a study:            snakemake --cores all --configfile <config>
To see what it would do:   snakemake --dry-run --configfile <config>
To predict its cost:       python scripts/plan_costs.py --configfile <config>
To load a trained student: semalign.load_student (see docs/how-to/own-pair.md)\
"""
NOTEBOOKS = Path("notebooks")
EXPERIMENTAL = "experimental"  # printed instead of a paper


class Row(NamedTuple):
    """One line of a list."""

    name: str
    title: str
    paper: str
    summary: str


def main() -> None:
    """Print what the command line asks for; a mistake is one line on standard error and exit status 2."""
    try:
        text = answer(sys.argv[1:])
    except UserError as error:
        print(error.report(), file=sys.stderr)
        sys.exit(2)
    try:
        print(text)
        sys.stdout.flush()
    except BrokenPipeError:  # such as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def answer(arguments: Sequence[str]) -> str:
    """Return the help, the version, or a list. Raises UserError for any other command."""
    if not arguments or arguments[0] in ("-h", "--help", "help") or set(arguments[1:]) & {"-h", "--help"}:
        return HELP.format(kinds=f"{{{','.join(LISTS)}}}")
    if list(arguments) in (["--version"], ["version"]):
        return __version__
    return "\n".join(lines_of(arguments))


def lines_of(arguments: Sequence[str]) -> list[str]:
    """Return the lines of `list <kind>`. Raises UserError for any other command."""
    command, *kinds = arguments or [""]
    if command != "list":
        raise UserError(
            f"command: found {command!r}, expected `{USAGE} <kind>`{hint(command, ['list'])}; --help explains it"
        )
    if len(kinds) != 1 or kinds[0] not in LISTS:
        kind = " ".join(kinds)
        raise UserError(
            f"{USAGE}: found {repr(kind) if kinds else 'nothing'}, expected {one_of(kind, LISTS)}"
        )
    return table(LISTS[kinds[0]]())


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
