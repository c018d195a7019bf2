"""Let a model answer the scored split of a benchmark: one record an item out. Nothing it wrote is run."""

import argparse
from pathlib import Path

from semalign.runtime.errors import UserError
from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="model folder, scored as it is; or the three that follow")
    parser.add_argument("--student", type=Path, help="model folder")
    parser.add_argument("--teacher", type=Path, help="model folder")
    parser.add_argument("--transfer", type=Path, help="transfer folder that a method wrote")
    parser.add_argument(
        "--benchmark", type=Path, required=True, help="folder of the splits; its name is the task's"
    )
    parser.add_argument(
        "--reference", type=Path, help="the teacher's stored reference; without it no KL and agreement"
    )
    parser.add_argument(
        "--settings", type=Path, required=True, help="how answers are generated, as JSON (section evaluation)"
    )
    parser.add_argument("--seed", type=int, required=True, help="seed of sampled answers")
    parser.add_argument("--out", type=Path, required=True, help="folder of the answers")
    given = parser.parse_args()

    roles = {role: getattr(given, role) for role in ("model", "student", "teacher")}
    models = {role: path for role, path in roles.items() if path}
    if (set(models), bool(given.transfer)) not in (({"model"}, False), ({"student", "teacher"}, True)):
        raise UserError("expected either --model, or --student, --teacher and --transfer together")
    if given.reference and given.model:
        raise UserError("--reference: expected only with a --teacher")

    from semalign.evaluation.stage import generate_answers

    generate_answers(
        *(models, given.transfer, given.benchmark, given.reference, given.settings, given.seed, given.out)
    )


if __name__ == "__main__":
    run(main)
