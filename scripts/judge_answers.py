"""Judge stored answers, code in the sandbox: metrics.json and one record an item out."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=Path, required=True, help="folder of the answers")
    parser.add_argument("--transfer", type=Path, help="transfer folder, for what it cost")
    parser.add_argument("--benchmark", type=Path, required=True, help="folder of the splits")
    parser.add_argument(
        "--settings", type=Path, required=True, help="split and sandbox, as JSON (section evaluation)"
    )
    parser.add_argument("--seed", type=int, required=True, help="seed of the cell, for its record")
    parser.add_argument("--out", type=Path, required=True, help="folder of the cell")
    arguments = parser.parse_args()

    from semalign.evaluation.sandbox.stage import judge_answers

    judge_answers(**vars(arguments))


if __name__ == "__main__":
    run(main)
