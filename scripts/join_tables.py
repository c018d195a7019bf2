"""Join tables of the same columns into one CSV, in the given order."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--tables", type=Path, nargs="+", required=True, help="CSV files with the same header"
    )
    parser.add_argument("--out", type=Path, required=True, help="the joined CSV")
    parser.add_argument("--record", type=Path, help="where to note what the table is made from")
    arguments = parser.parse_args()

    from semalign.runtime.provenance import Run
    from semalign.statistics.tables.join import join_csv

    run = Run("join")
    join_csv(arguments.tables, arguments.out)
    if arguments.record:
        for table in arguments.tables:
            run.read(str(table), table)
        run.note(arguments.record, [arguments.out])


if __name__ == "__main__":
    run(main)
