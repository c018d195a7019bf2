"""Measure how near the student of every cell comes to the paper's targets (one pair, one benchmark)."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", type=Path, required=True, help="model folder")
    parser.add_argument("--student", type=Path, required=True, help="model folder")
    parser.add_argument(
        "--benchmark", type=Path, required=True, help="benchmark folder; its name is the cells'"
    )
    parser.add_argument("--pairing", type=Path, required=True, help="folder of the default pairing")
    parser.add_argument("--pair", required=True, help="the pair's name, as the cells' paths have it")
    parser.add_argument(
        "--cells", nargs="+", required=True, help="folders of cells, or one JSON file with their list"
    )
    parser.add_argument("--settings", type=Path, help="the study's analysis.geometry, as JSON")
    parser.add_argument("--activations", type=Path, help="the activations section of the config, as JSON")
    parser.add_argument("--alignment", type=Path, help="the alignment section of the config, as JSON")
    parser.add_argument("--device", help="cpu or cuda; the GPU where there is one")
    parser.add_argument(
        "--dtype", choices=["float32", "bfloat16"], help="of the models; by default their own"
    )
    parser.add_argument("--out", type=Path, required=True, help="table of all cells (CSV)")
    parser.add_argument("--record", type=Path, help="where to note what the table is made from")
    arguments = parser.parse_args()

    from semalign.analysis.listing import cells_among, listed
    from semalign.analysis.stage import measure_geometry
    from semalign.runtime.provenance import Run, portable

    run = Run("geometry", arguments.settings)
    cells = cells_among(listed(arguments.cells), arguments.pair, arguments.benchmark.name)
    if arguments.record:
        for name in ("teacher", "student", "benchmark", "pairing"):
            run.read(name, getattr(arguments, name))
        for name in ("activations", "alignment"):
            if getattr(arguments, name):
                run.read(f"{name} settings", getattr(arguments, name))
        for folder in cells:
            run.read(portable(folder), folder / "transfer")

    measure_geometry(
        arguments.teacher,
        arguments.student,
        arguments.benchmark,
        arguments.pairing,
        cells,
        arguments.settings,
        arguments.activations,
        arguments.alignment,
        arguments.out,
        device=arguments.device,
        dtype=arguments.dtype,
    )
    if arguments.record:
        run.note(arguments.record, [arguments.out])


if __name__ == "__main__":
    run(main)
