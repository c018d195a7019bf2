"""Map the teacher's stored states into the student's space: the targets of steering."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", type=Path, required=True, help="model folder")
    parser.add_argument("--student", type=Path, required=True, help="model folder")
    parser.add_argument(
        "--benchmark",
        type=Path,
        required=True,
        help="folder of the prepared splits (a fitted map reads align)",
    )
    parser.add_argument("--pairing", type=Path, required=True, help="folder of the pairing")
    parser.add_argument("--activations", type=Path, required=True, help="folder of the stored states")
    parser.add_argument(
        "--settings", type=Path, required=True, help="the alignment section of the config, as JSON"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the result")
    arguments = parser.parse_args()

    from semalign.signals.stage import align

    align(
        arguments.teacher,
        arguments.student,
        arguments.benchmark,
        arguments.pairing,
        arguments.activations,
        arguments.settings,
        arguments.out,
    )


if __name__ == "__main__":
    run(main)
