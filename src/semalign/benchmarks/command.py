"""`semalign-data`: make a mirror of the published benchmarks on a machine with internet, for one without.

    semalign-data prepare mirror      # download the pinned revisions, check them and write the folder
    semalign-data check mirror        # compare every file and row with what is expected

Name the folder as `mirror:` in a config or in SEMALIGN_MIRROR.
"""

import argparse
import logging
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from semalign.benchmarks.mirror import read_mirror, write_mirror
from semalign.benchmarks.registry import PUBLISHED
from semalign.benchmarks.source import Rows, Source, verify
from semalign.runtime.errors import UserError
from semalign.runtime.script import run

LOGGER = logging.getLogger("semalign")


def source_of(name: str) -> Source:
    """The source of a published benchmark."""
    source: Source = import_module(PUBLISHED.module_of(name)).SOURCE
    return source


def prepare(mirror: Path, names: Sequence[str], auxiliary: bool = False) -> None:
    """Download some benchmarks into `mirror`; each folder is written completely or not at all.

    Raises UserError if the hub can't be reached or has other rows than expected.
    """
    from semalign.benchmarks.hub import fetch

    for name in names:
        source = source_of(name)
        rows = fetch(source, source.parts if auxiliary else source.required)
        verify(source, rows, source.repository)
        write_mirror(source, rows, mirror)
        LOGGER.info("%s: %s", name, _sizes(rows))
    LOGGER.info("mirror %s: done; name it as `mirror:` in the config or in SEMALIGN_MIRROR", mirror)


def check(mirror: Path, names: Sequence[str]) -> None:
    """Compare a mirror with the pinned revisions; raises UserError at the first difference."""
    if not mirror.is_dir():
        raise UserError(f"mirror {mirror}: no such folder, expected one that `semalign-data prepare` made")
    for name in names:
        source = source_of(name)
        rows = read_mirror(source, mirror, source.required)
        verify(source, rows, f"mirror {mirror}")
        LOGGER.info("%s: %s: as expected", name, _sizes(rows))


def _sizes(rows: Rows) -> str:
    """The parts with their numbers of rows."""
    return ", ".join(f"{name} {len(part):,}" for name, part in rows.items())


def _main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="semalign-data", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command, summary in (
        ("prepare", "download into a mirror"),
        ("check", "compare a mirror with what is expected"),
    ):
        one = commands.add_parser(command, help=summary)
        one.add_argument("mirror", type=Path, help="folder of the mirror")
        one.add_argument(
            "--benchmarks", nargs="+", choices=list(PUBLISHED), default=list(PUBLISHED), help="default: all"
        )
        if command == "prepare":
            one.add_argument(
                "--auxiliary", action="store_true", help="with MMLU's 99,842 auxiliary training questions"
            )
    options = parser.parse_args(arguments)
    if options.command == "prepare":
        prepare(options.mirror, options.benchmarks, options.auxiliary)
    else:
        check(options.mirror, options.benchmarks)


def main() -> None:
    """The console script: an error that a user can cause is reported in one line."""
    run(_main)


if __name__ == "__main__":
    main()
