"""Collect every learning rate that was tried, and its validation score, into one table."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--choices", type=Path, nargs="+", required=True, help="folders of choices, one a search"
    )
    parser.add_argument(
        "--settings", type=Path, required=True, help="the config's section `statistics`, as JSON"
    )
    parser.add_argument("--out", type=Path, required=True, help="the table (CSV)")
    parser.add_argument("--record", type=Path, help="where to note what the table is made from")
    arguments = parser.parse_args()

    from semalign.config.statistics import StatisticsSettings
    from semalign.runtime.provenance import Run, portable
    from semalign.statistics.tables.search import collect_search

    run = Run("search", arguments.settings)
    if arguments.record:
        for folder in arguments.choices:
            run.read(portable(folder), folder)
    collect_search(arguments.choices, StatisticsSettings(**run.settings), arguments.out)
    if arguments.record:
        run.note(arguments.record, [arguments.out])


if __name__ == "__main__":
    run(main)
