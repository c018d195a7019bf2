"""Measure how hidden states survive decomposition onto semantic bases (one model, paper Figure 2)."""

import argparse
from pathlib import Path

import torch

from semalign.analysis.fidelity import measure_fidelity
from semalign.benchmarks.corpora import HUMANEVAL, prompts
from semalign.config.analysis import Decomposition
from semalign.files import read_json, write_text
from semalign.models.loading import load_model, load_tokenizer, read_head
from semalign.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    parser.add_argument("--name", required=True, help="the model's name in the tables")
    parser.add_argument("--benchmark", default=HUMANEVAL, help="`humaneval` or the folder of a benchmark")
    parser.add_argument("--settings", type=Path, help="JSON of the study's analysis.decomposition")
    parser.add_argument("--out", type=Path, required=True, help="table of all layers (CSV)")
    parser.add_argument("--head-out", type=Path, required=True, help="table of the final state (CSV)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()

    settings = Decomposition.model_validate(read_json(options.settings) if options.settings else {})
    tokenizer = load_tokenizer(options.model)
    layers, head = measure_fidelity(
        load_model(options.model, options.device),
        read_head(options.model),
        [tokenizer(text)["input_ids"] for text in prompts(options.benchmark, settings.count)],
        name=options.name,
        bases=settings.bases,
        interfaces=settings.interfaces,
        seed=settings.seed,
    )
    write_text(options.out, layers.to_csv(index=False, float_format="%.6f"))
    write_text(options.head_out, head.to_csv(index=False, float_format="%.6f"))


if __name__ == "__main__":
    run(main)
