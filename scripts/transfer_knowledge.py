"""Run one method with one seed: a student in, a transfer folder out."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--student", type=Path, required=True, help="model folder")
    parser.add_argument("--teacher", type=Path, required=True, help="model folder")
    parser.add_argument("--benchmark", type=Path, required=True, help="folder of the splits")
    parser.add_argument(
        "--signals", type=Path, nargs="*", default=[], help="folders <stage>/<name> the method reads"
    )
    parser.add_argument(
        "--settings", type=Path, required=True, help="the method's section of the config, as JSON"
    )
    parser.add_argument(
        "--seed", type=int, required=True, help="seed of the adapter and of the order of examples"
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="where a long training saves itself")
    parser.add_argument("--label", default="transfer", help="what progress lines are called")
    parser.add_argument("--choice", type=Path, help="folder of the search that chose the learning rate")
    parser.add_argument("--out", type=Path, required=True, help="transfer folder")
    arguments = parser.parse_args()

    from semalign.methods.stage import transfer_knowledge as transfer

    transfer(
        arguments.student,
        arguments.teacher,
        arguments.benchmark,
        {folder.parent.name: folder for folder in arguments.signals},
        arguments.settings,
        arguments.seed,
        arguments.checkpoint,
        arguments.label,
        arguments.out,
        arguments.choice,
    )


if __name__ == "__main__":
    run(main)
