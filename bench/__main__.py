"""Measure speed and memory beside what one would use instead; write a file a subject and the table over them."""

import argparse
import os
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    from bench.registry import GROWTH, SUBJECTS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where models run")
    parser.add_argument(
        "--only", nargs="*", default=[], choices=[*SUBJECTS, GROWTH], help="these subjects alone"
    )
    parser.add_argument(
        "--quick", action="store_true", help="pico sizes: shows that it runs, measures nothing"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of both sides")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"), help="folder of the results")
    parser.add_argument("--readme", type=Path, help="page whose part between the marks is written anew")
    arguments = parser.parse_args()

    from bench.run import run_suite
    from bench.table import write_tables

    run_suite(arguments.out, arguments.device, arguments.only, arguments.quick, arguments.threads)
    write_tables(arguments.out, arguments.readme)


if __name__ == "__main__":
    run(main)
