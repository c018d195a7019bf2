"""Measure how hidden states survive decomposition onto semantic bases (one model, paper Figure 2)."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    parser.add_argument("--name", required=True, help="the model's name in the tables")
    parser.add_argument("--benchmark", default="humaneval", help="`humaneval` or the folder of a benchmark")
    parser.add_argument("--settings", type=Path, help="the study's analysis.decomposition, as JSON")
    parser.add_argument("--device", help="cpu or cuda; the GPU where there is one")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], help="of the model; by default its own")
    parser.add_argument("--out", type=Path, required=True, help="table of all layers (CSV)")
    parser.add_argument("--head-out", type=Path, required=True, help="table of the final state (CSV)")
    parser.add_argument("--record", type=Path, help="where to note what the tables are made from")
    arguments = parser.parse_args()

    from semalign.analysis.stage import measure_decomposition
    from semalign.runtime.provenance import Run

    run = Run("decomposition", arguments.settings)
    if arguments.record:
        run.read("model", arguments.model)
        if Path(arguments.benchmark).is_dir():
            run.read("benchmark", arguments.benchmark)

    measure_decomposition(
        arguments.model,
        arguments.name,
        arguments.benchmark,
        arguments.settings,
        arguments.out,
        arguments.head_out,
        device=arguments.device,
        dtype=arguments.dtype,
    )
    if arguments.record:
        run.note(arguments.record, [arguments.out, arguments.head_out])


if __name__ == "__main__":
    run(main)
