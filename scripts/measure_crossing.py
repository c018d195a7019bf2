"""Measure whether maps carry the teacher's predictions over to the student's head (one pair, every vocabulary map)."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", type=Path, required=True, help="model folder")
    parser.add_argument("--student", type=Path, required=True, help="model folder")
    parser.add_argument("--benchmark", default="humaneval", help="`humaneval` or the folder of a benchmark")
    parser.add_argument("--settings", type=Path, help="the study's analysis.decomposition, as JSON")
    parser.add_argument("--alignment", type=Path, help="the alignment section of the config, as JSON")
    parser.add_argument("--label", nargs="*", default=[], help="further columns, as name=value")
    parser.add_argument("--device", help="cpu or cuda; the GPU where there is one")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], help="of the teacher; by default its own")
    parser.add_argument("--out", type=Path, required=True, help="table of all maps (CSV)")
    parser.add_argument("--record", type=Path, help="where to note what the table is made from")
    arguments = parser.parse_args()

    from semalign.analysis.stage import measure_crossing
    from semalign.runtime.provenance import Run

    run = Run("crossing", arguments.settings)
    if arguments.record:
        run.read("teacher", arguments.teacher), run.read("student", arguments.student)
        if Path(arguments.benchmark).is_dir():
            run.read("benchmark", arguments.benchmark)
        if arguments.alignment:
            run.read("alignment settings", arguments.alignment)

    measure_crossing(
        arguments.teacher,
        arguments.student,
        arguments.benchmark,
        arguments.settings,
        arguments.alignment,
        arguments.out,
        labels=dict(label.split("=", 1) for label in arguments.label),
        device=arguments.device,
        dtype=arguments.dtype,
    )
    if arguments.record:
        run.note(arguments.record, [arguments.out])


if __name__ == "__main__":
    run(main)
