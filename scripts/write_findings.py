"""Write the README's findings from the tables of four finished studies, and copy the figures that it shows."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--study", type=Path, default=Path("results/tiny-full"), help="results of the embedded study in full"
    )
    parser.add_argument(
        "--real", type=Path, default=Path("results/real"), help="results of the study on a real model"
    )
    parser.add_argument(
        "--recovered",
        type=Path,
        default=Path("results/pruned"),
        help="results of the study on a pruned model",
    )
    parser.add_argument(
        "--scored", type=Path, default=Path("results/real-benchmarks"), help="results on published benchmarks"
    )
    parser.add_argument("--readme", type=Path, default=Path("README.md"), help="the page with the two marks")
    parser.add_argument(
        "--pictures", type=Path, default=Path("docs"), help="where the README's figures stand"
    )
    arguments = parser.parse_args()

    from semalign.report.findings import write_findings

    write_findings(**vars(arguments))


if __name__ == "__main__":
    run(main)
