"""Make the five splits of one benchmark."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--benchmark", required=True, help="the benchmark's name in the config")
    parser.add_argument(
        "--settings", type=Path, required=True, help="the benchmark's section of the config, as JSON"
    )
    parser.add_argument(
        "--parts",
        type=Path,
        nargs="*",
        default=[],
        help="folders of the benchmarks that a mixture is made of",
    )
    parser.add_argument(
        "--mirror", help="folder with the published benchmarks' files; else SEMALIGN_MIRROR, else the hub"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the splits")
    arguments = parser.parse_args()

    from semalign.benchmarks.stage import prepare_benchmark

    prepare_benchmark(
        arguments.benchmark, arguments.settings, arguments.parts, arguments.out, arguments.mirror
    )


if __name__ == "__main__":
    run(main, online=True)
