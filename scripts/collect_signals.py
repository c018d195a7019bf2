"""Collect what attribution and pairing found, in every folder of a study, into two tables."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attribution", type=Path, nargs="*", default=[], help="folders of attributions")
    parser.add_argument("--pairing", type=Path, nargs="*", default=[], help="folders of pairings")
    parser.add_argument(
        "--pair",
        nargs=3,
        action="append",
        default=[],
        metavar=("NAME", "TEACHER", "STUDENT"),
        help="a pair's name and model folders, once a pair",
    )
    parser.add_argument("--settings", type=Path, help="the statistics section of the config, as JSON")
    parser.add_argument("--attribution-out", type=Path, required=True, help="table of layers (CSV)")
    parser.add_argument("--pairing-out", type=Path, required=True, help="table of pairs of layers (CSV)")
    parser.add_argument("--record", type=Path, help="where to note what the tables are made from")
    arguments = parser.parse_args()

    from semalign.analysis.collecting import collect_signals
    from semalign.runtime.provenance import Run, portable

    run = Run("signals", arguments.settings)
    if arguments.record:
        for folder in (*arguments.attribution, *arguments.pairing):
            run.read(portable(folder), folder)

    collect_signals(
        arguments.attribution,
        arguments.pairing,
        {name: (Path(teacher), Path(student)) for name, teacher, student in arguments.pair},
        arguments.settings,
        arguments.attribution_out,
        arguments.pairing_out,
    )
    if arguments.record:
        run.note(arguments.record, [arguments.attribution_out, arguments.pairing_out])


if __name__ == "__main__":
    run(main)
