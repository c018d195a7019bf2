"""Collect every term of the training losses of a study's default cells into one table."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--cells", nargs="+", required=True, help="folders of cells, or one JSON file with their list"
    )
    parser.add_argument("--out", type=Path, required=True, help="the table (CSV)")
    parser.add_argument("--record", type=Path, help="where to note what the table is made from")
    arguments = parser.parse_args()

    from semalign.analysis.collecting import collect_curves
    from semalign.analysis.listing import defaults_among, listed
    from semalign.runtime.provenance import Run, portable

    run = Run("curves")
    cells = defaults_among(listed(arguments.cells))
    if arguments.record:
        for folder in cells:
            run.read(portable(folder), folder / "transfer")

    collect_curves(cells, arguments.out)
    if arguments.record:
        run.note(arguments.record, [arguments.out])


if __name__ == "__main__":
    run(main)
