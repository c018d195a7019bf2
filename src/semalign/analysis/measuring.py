"""From folders to tables: what the two analysis scripts do."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import pandas as pd
import torch

from semalign.analysis.comparison import compare_pair
from semalign.analysis.fidelity import measure_fidelity
from semalign.benchmarks.corpora import prompts
from semalign.config.analysis import Decomposition, Similarity
from semalign.config.base import Strict
from semalign.files import read_json, write_text
from semalign.models.loading import load_model, load_tokenizer, read_head

Section = TypeVar("Section", bound=Strict)


def measure_decomposition(
    model: Path,
    name: str,
    source: Path | str,
    settings: Path | None,
    out: Path,
    head_out: Path,
    *,
    device: str | None = None,
    dtype: str = "float32",
) -> None:
    """Write the tables of `fidelity.measure_fidelity` for the model in a folder.

    `source` is "humaneval" or a benchmark's folder, `settings` a JSON file of analysis.decomposition.
    """
    chosen = _read(Decomposition, settings)
    tokenizer = load_tokenizer(model)
    layers, head = measure_fidelity(
        load_model(model, device or _device(), getattr(torch, dtype)),
        read_head(model),
        [tokenizer(text)["input_ids"] for text in prompts(source, chosen.count)],
        name=name,
        bases=chosen.bases,
        interfaces=chosen.interfaces,
        seed=chosen.seed,
    )
    _write(layers, out)
    _write(head, head_out)


def measure_similarity(
    teacher: Path,
    student: Path,
    transfer: Path | None,
    source: Path | str,
    settings: Path | None,
    out: Path,
    *,
    labels: Mapping[str, str] | None = None,
    device: str | None = None,
    dtype: str = "float32",
) -> None:
    """Write the table of `comparison.compare_pair`, with a leading column for every label."""
    chosen = _read(Similarity, settings)
    table = compare_pair(
        teacher,
        student,
        transfer,
        prompts(source, chosen.count),
        device=device or _device(),
        dtype=getattr(torch, dtype),
    )
    columns = {name: pd.Series(value, index=table.index) for name, value in (labels or {}).items()}
    _write(pd.concat([pd.DataFrame(columns, index=table.index), table], axis=1), out)


def _read(section: type[Section], path: Path | None) -> Section:
    return section.model_validate(read_json(path) if path else {})


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _write(table: pd.DataFrame, path: Path) -> None:
    write_text(path, table.to_csv(index=False, float_format="%.6f"))
