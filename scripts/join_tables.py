"""Join tables of the same columns into one CSV, in the given order."""

import argparse
from pathlib import Path

from semalign.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--tables", type=Path, nargs="+", required=True, help="CSV files with the same header"
    )
    parser.add_argument("--out", type=Path, required=True, help="the joined CSV")
    arguments = parser.parse_args()

    from semalign.tables.join import join_csv

    join_csv(arguments.tables, arguments.out)


if __name__ == "__main__":
    run(main)
