"""From folders to tables: what the scripts do that measure models."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import pandas as pd
import torch

from semalign.analysis.comparison import compare_pair
from semalign.analysis.crossing import crossing_table
from semalign.analysis.fidelity import measure_fidelity
from semalign.analysis.geometry import Goal, Place, geometry_table
from semalign.benchmarks.corpora import prompts
from semalign.config.analysis import Decomposition, Geometry, Similarity
from semalign.config.base import Strict
from semalign.config.cells import Cell
from semalign.config.signals import Activations, Alignment
from semalign.models.devices import device as default_device
from semalign.models.loading import load_model, load_tokenizer, read_head
from semalign.models.vocabulary import common_tokens
from semalign.runtime.files import read_json, write_text

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
    dtype: str | None = None,
) -> None:
    """Write the tables of `fidelity.measure_fidelity` for the model in a folder.

    `source` is "humaneval" or a benchmark's folder, `settings` a JSON file of analysis.decomposition.
    """
    chosen = _read(Decomposition, settings)
    tokenizer = load_tokenizer(model)
    layers, head = measure_fidelity(
        load_model(model, device or default_device(), _dtype(dtype)),
        read_head(model),
        [tokenizer(text)["input_ids"] for text in prompts(source, chosen.count)],
        name=name,
        bases=chosen.bases,
        interfaces=chosen.interfaces,
        seed=chosen.seed,
    )
    _write(layers, out)
    _write(head, head_out)


def measure_crossing(
    teacher: Path,
    student: Path,
    source: Path | str,
    settings: Path | None,
    alignment: Path | None,
    out: Path,
    *,
    labels: Mapping[str, str] | None = None,
    device: str | None = None,
    dtype: str | None = None,
) -> None:
    """Write the table of `crossing.crossing_table`, with a leading column for every label.

    `source` is "humaneval" or a benchmark's folder, `settings` a JSON file of analysis.decomposition, `alignment`
    one of the alignment section.
    """
    chosen = _read(Decomposition, settings)
    tokenizer = load_tokenizer(teacher)
    table = crossing_table(
        load_model(teacher, device or default_device(), _dtype(dtype)),
        (read_head(teacher), read_head(student)),
        common_tokens(teacher, student, _read(Alignment, alignment).minimum_shared),
        [tokenizer(text)["input_ids"] for text in prompts(source, chosen.count)],
        seed=chosen.seed,
    )
    _write(_labelled(table, labels), out)


def measure_geometry(
    teacher: Path,
    student: Path,
    benchmark: Path,
    pairing: Path,
    cells: Mapping[Path, Cell],
    settings: Path | None,
    activations: Path | None,
    alignment: Path | None,
    out: Path,
    *,
    device: str | None = None,
    dtype: str | None = None,
) -> None:
    """Write the table of `geometry.geometry_table` for cells of one pair and benchmark, by their folders.

    `settings`, `activations` and `alignment` are JSON files of analysis.geometry and of the two sections.
    """
    count, reading = _read(Geometry, settings).count, _read(Activations, activations)
    place = Place(teacher, student, benchmark, count, reading, device or default_device(), _dtype(dtype))
    goal = Goal(place, pairing, _read(Alignment, alignment))
    _write(geometry_table(goal, cells), out)


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
    dtype: str | None = None,
) -> None:
    """Write the table of `comparison.compare_pair`, with a leading column for every label."""
    chosen = _read(Similarity, settings)
    table = compare_pair(
        teacher,
        student,
        transfer,
        prompts(source, chosen.count),
        device=device or default_device(),
        dtype=_dtype(dtype),
    )
    _write(_labelled(table, labels), out)


def _labelled(table: pd.DataFrame, labels: Mapping[str, str] | None) -> pd.DataFrame:
    columns = {name: pd.Series(value, index=table.index) for name, value in (labels or {}).items()}
    return pd.concat([pd.DataFrame(columns, index=table.index), table], axis=1)


def _read(section: type[Section], path: Path | None) -> Section:
    return section.model_validate(read_json(path) if path else {})


def _dtype(name: str | None) -> torch.dtype | None:
    """The precision of that name; None for the model's own."""
    return getattr(torch, name) if name else None


def _write(table: pd.DataFrame, path: Path) -> None:
    write_text(path, table.to_csv(index=False, float_format="%.6f"))
