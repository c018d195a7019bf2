"""Compare the layers of teacher and student, before and after a transfer, by linear CKA (Figures 4 to 6)."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", type=Path, required=True, help="model folder")
    parser.add_argument("--student", type=Path, required=True, help="model folder")
    parser.add_argument("--transfer", type=Path, help="transfer folder; without it only `before` is compared")
    parser.add_argument("--benchmark", required=True, help="`humaneval` or the folder of a benchmark")
    parser.add_argument("--settings", type=Path, help="the study's analysis.similarity, as JSON")
    parser.add_argument("--label", nargs="*", default=[], help="further columns, as name=value")
    parser.add_argument("--device", help="cpu or cuda; the GPU where there is one")
    parser.add_argument(
        "--dtype", choices=["float32", "bfloat16"], help="of the models; by default their own"
    )
    parser.add_argument("--out", type=Path, required=True, help="table of all pairs of layers (CSV)")
    parser.add_argument("--record", type=Path, help="where to note what the table is made from")
    arguments = parser.parse_args()

    from semalign.analysis.stage import measure_similarity
    from semalign.runtime.provenance import Run

    run = Run("similarity", arguments.settings)
    if arguments.record:
        for name in ("teacher", "student", "transfer", "benchmark"):
            run.read(name, getattr(arguments, name))

    measure_similarity(
        arguments.teacher,
        arguments.student,
        arguments.transfer,
        arguments.benchmark,
        arguments.settings,
        arguments.out,
        labels=dict(label.split("=", 1) for label in arguments.label),
        device=arguments.device,
        dtype=arguments.dtype,
    )
    if arguments.record:
        run.note(arguments.record, [arguments.out])


if __name__ == "__main__":
    run(main)
