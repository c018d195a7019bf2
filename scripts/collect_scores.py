"""Collect the scores of models that nothing was done to into one table, published ones beside them."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--scores", type=Path, nargs="+", required=True, help="folders .../<model>/<benchmark>/<protocol>"
    )
    parser.add_argument("--published", type=Path, required=True, help="what others report, as JSON")
    parser.add_argument(
        "--settings", type=Path, required=True, help="the statistics section of the config, as JSON"
    )
    parser.add_argument("--out", type=Path, required=True, help="the table (CSV)")
    parser.add_argument("--record", type=Path, help="where to note what the table is made from")
    arguments = parser.parse_args()

    from semalign.config.statistics import StatisticsSettings
    from semalign.runtime.files import read_json
    from semalign.runtime.provenance import Run
    from semalign.statistics.tables.benchmarks import collect_scores

    run = Run("scores", arguments.settings)
    for folder in arguments.scores:
        run.read(str(folder), folder)
    published = read_json(run.read("published", arguments.published))
    collect_scores(arguments.scores, published, StatisticsSettings(**run.settings), arguments.out)
    if arguments.record:
        run.note(arguments.record, [arguments.out])


if __name__ == "__main__":
    run(main)
