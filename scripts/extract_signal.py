"""Read off the teacher what one method needs of it: logits, units, windows of weights, neurons or final states."""

import argparse
from pathlib import Path

from semalign.methods.registry import METHOD_STAGES, load_stage
from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", choices=METHOD_STAGES, required=True, help="what is read")
    parser.add_argument("--teacher", type=Path, required=True, help="model folder")
    parser.add_argument("--student", type=Path, required=True, help="model folder")
    parser.add_argument("--benchmark", type=Path, required=True, help="folder of the splits")
    parser.add_argument(
        "--settings", type=Path, required=True, help="the stage's section of the config, as JSON"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the result")
    given = parser.parse_args()
    load_stage(given.stage)(given.teacher, given.student, given.benchmark, given.settings, given.out)


if __name__ == "__main__":
    run(main)
