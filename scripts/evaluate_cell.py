"""Score one cell: a transfer folder in, metrics.json and one record an item out."""

import argparse
from pathlib import Path

from semalign.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--student", type=Path, required=True, help="model folder")
    parser.add_argument("--teacher", type=Path, required=True, help="model folder")
    parser.add_argument("--transfer", type=Path, required=True, help="transfer folder that a method wrote")
    parser.add_argument(
        "--benchmark", type=Path, required=True, help="folder of the splits; its name is the task's"
    )
    parser.add_argument(
        "--reference", type=Path, help="the teacher's stored reference; without it no KL and agreement"
    )
    parser.add_argument(
        "--settings", type=Path, required=True, help="the evaluation section of the config, as JSON"
    )
    parser.add_argument("--seed", type=int, required=True, help="seed of the cell, for its record")
    parser.add_argument("--out", type=Path, required=True, help="cell folder")
    arguments = parser.parse_args()

    from semalign.evaluation.cell import evaluate_cell

    evaluate_cell(**vars(arguments))


if __name__ == "__main__":
    run(main)
