"""A study of finished cells written without training, and its tables."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from semalign.config.statistics import StatisticsSettings
from semalign.runtime.files import write_json, write_jsonl, write_text
from semalign.runtime.provenance import Run
from semalign.statistics.tables.cells import read_groups
from semalign.statistics.tables.collect import table_texts
from semalign.statistics.tables.compare import compare
from semalign.statistics.tables.order import Axis, Order
from semalign.statistics.tables.rows import sorted_groups

SETTINGS = StatisticsSettings(resamples=500)
ITEMS = 80
CHANCES = {"student": 0.2, "teacher": 0.8, "semalign": 0.35, "sft": 0.5, "kd": 0.45}
ORDER = Order(
    pairs=["tiny"],
    benchmarks=["facts", "arithmetic"],
    methods=list(CHANCES),
    axes={"semalign": {"map": Axis(default="pinv", values=["random", "identity"])}},
    contrasts=[("semalign", "sft"), ("sft", "kd")],
)


def write_cell(
    root: Path, name: str, correct: Sequence[float], ids: list[str] | None = None, **metrics: Any
) -> Path:
    """Write one finished cell with its sealed record; `name` is the cell's path."""
    folder = root / name
    ids = ids or [f"item-{index:03d}" for index in range(len(correct))]
    write_jsonl(folder / "items.jsonl", ({"id": i, "correct": c} for i, c in zip(ids, correct, strict=True)))
    found = {"score": 100 * float(np.mean(correct)), "items": len(correct), "metric": "accuracy", **metrics}
    write_json(folder / "metrics.json", found)
    seal(folder)
    return folder


def seal(folder: Path) -> None:
    Run("evaluate").seal(folder)


def write_study(root: Path) -> list[Path]:
    """Write one pair, two benchmarks, five methods, two seeds, and an ablation of one axis with one seed."""
    cells = []
    for benchmark in ORDER.benchmarks:
        rng = np.random.default_rng(len(benchmark))
        level = rng.normal(0, 0.1, ITEMS)
        for method, chance in CHANCES.items():
            for seed in (0,) if method in ORDER.references else (0, 1):
                correct = [int(value) for value in rng.random(ITEMS) < level + chance]
                costs: dict[str, Any] = {
                    "train_seconds": 10.0 + seed,
                    "peak_memory_mb": 100.0 + seed,
                    "trainable_parameters": 1234,
                    "learning_rate": 0.0003,
                    "search_seconds": 30.0,
                    "signal_seconds": 4.0 if method == "semalign" else 0.0,
                    "train_flops": 1000 * (1 + seed) * (2 if method == "kd" else 1),
                    "search_flops": 3000,
                    "signal_flops": 500 if method == "semalign" else 0,
                    "trials": 3,
                    "teacher_passes": 216,
                }
                costs = costs if method not in ORDER.references else {}
                path = f"tiny/{benchmark}/{method}/default/seed{seed}"
                cells.append(write_cell(root, path, correct, teacher_kl=0.25 + seed, **costs))
        for variant in ("map~identity", "map~random"):
            correct = [int(value) for value in rng.random(ITEMS) < level + 0.3]
            cells.append(write_cell(root, f"tiny/{benchmark}/semalign/{variant}/seed0", correct))
    return cells


def write_tables(cells: Iterable[Path], order: Order, settings: StatisticsSettings, out: Path) -> None:
    """Write the tables of some cells as the stage does."""
    results = compare(sorted_groups(read_groups(cells), order), order, settings)
    for name, text in table_texts(results, order, settings).items():
        write_text(out / name, text)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
