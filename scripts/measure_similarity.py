"""Compare the layers of teacher and student, before and after a transfer, by linear CKA (Figures 4 to 6)."""

import argparse
from pathlib import Path

import torch

from semalign.analysis.comparison import compare_pair
from semalign.benchmarks.corpora import prompts
from semalign.config.analysis import Similarity
from semalign.files import read_json, write_text
from semalign.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", type=Path, required=True, help="model folder")
    parser.add_argument("--student", type=Path, required=True, help="model folder")
    parser.add_argument("--transfer", type=Path, help="transfer folder; without it only `before` is compared")
    parser.add_argument("--benchmark", required=True, help="`humaneval` or the folder of a benchmark")
    parser.add_argument("--settings", type=Path, help="JSON of the study's analysis.similarity")
    parser.add_argument("--out", type=Path, required=True, help="table of all pairs of layers (CSV)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()

    settings = Similarity.model_validate(read_json(options.settings) if options.settings else {})
    table = compare_pair(
        options.teacher,
        options.student,
        options.transfer,
        prompts(options.benchmark, settings.count),
        device=options.device,
    )
    write_text(options.out, table.to_csv(index=False, float_format="%.6f"))


if __name__ == "__main__":
    run(main)
