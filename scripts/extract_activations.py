"""Store the teacher's states of the paired layers on a benchmark's train split."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", type=Path, required=True, help="model folder")
    parser.add_argument("--benchmark", type=Path, required=True, help="folder of the splits")
    parser.add_argument("--pairing", type=Path, required=True, help="folder of the pairing")
    parser.add_argument(
        "--settings", type=Path, required=True, help="the activations section of the config, as JSON"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the result")
    arguments = parser.parse_args()

    from semalign.signals.stage import extract_activations as extract

    extract(arguments.teacher, arguments.benchmark, arguments.pairing, arguments.settings, arguments.out)


if __name__ == "__main__":
    run(main)
