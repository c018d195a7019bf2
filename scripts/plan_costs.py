"""Print what a study costs before it runs: jobs, hours, disk and peak memory a rule."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configfile", type=Path, required=True, help="config file of a study")
    parser.add_argument(
        "--device",
        choices=["a100", "h100", "cpu"],
        default="a100",
        help="assumed for the hours; cpu: one core",
    )
    arguments = parser.parse_args()

    from semalign.study.definition import load_study
    from semalign.study.planning.study import Plan
    from semalign.study.planning.table import cost_table
    from semalign.study.planning.work import DEVICES

    rows = Plan(load_study(arguments.configfile), DEVICES[arguments.device]).rows()
    print(cost_table(rows, on_gpu=arguments.device != "cpu"))


if __name__ == "__main__":
    run(main)
