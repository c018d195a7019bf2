"""Pair the critical teacher layers with student layers."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", type=Path, required=True, help="model folder")
    parser.add_argument("--student", type=Path, required=True, help="model folder")
    parser.add_argument("--benchmark", type=Path, required=True, help="folder of the splits")
    parser.add_argument("--attribution", type=Path, required=True, help="folder of the attribution")
    parser.add_argument(
        "--settings", type=Path, required=True, help="the pairing section of the config, as JSON"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the result")
    arguments = parser.parse_args()

    from semalign.signals.stage import pair_layers as pair

    pair(
        arguments.teacher,
        arguments.student,
        arguments.benchmark,
        arguments.attribution,
        arguments.settings,
        arguments.out,
    )


if __name__ == "__main__":
    run(main)
