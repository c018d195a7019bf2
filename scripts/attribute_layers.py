"""Score every teacher layer on a benchmark's extract split."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", type=Path, required=True, help="model folder")
    parser.add_argument("--benchmark", type=Path, required=True, help="folder of the splits")
    parser.add_argument(
        "--settings", type=Path, required=True, help="the attribution section of the config, as JSON"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the result")
    arguments = parser.parse_args()

    from semalign.signals.stage import attribute_layers as attribute

    attribute(arguments.teacher, arguments.benchmark, arguments.settings, arguments.out)


if __name__ == "__main__":
    run(main)
