"""A finished study of pico models with real trainings, scores, tables and ranking, to export from."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from fabricated_signals import run_transfer

from semalign.benchmarks.base import Example, write_split
from semalign.config.optimisation import Optimisation
from semalign.evaluation.sandbox.stage import judge_answers
from semalign.evaluation.stage import Scored, generate_answers
from semalign.methods.sft import Sft
from semalign.models.deltas import Delta, save_deltas
from semalign.models.transfers import write_transfer
from semalign.runtime.files import write_json
from semalign.runtime.provenance import Run
from semalign.statistics.tables.stage import collect_ranking, collect_tables

STUDY = Path("results/s")
CHOICES = [" red", " tan", " sky"]
COST = {"train_seconds": 1.5, "train_flops": 10, "trainable_parameters": 7}
SETTINGS: dict[str, Any] = {
    "pairs/p": {"teacher": "big", "student": "small"},
    "facts": {
        "pairs": {"p": {"teacher": "big", "student": "small"}},
        "models": {"big": "folder", "small": "folder"},
    },
    "order": {
        "pairs": ["p"],
        "benchmarks": ["facts"],
        "methods": ["student", "teacher", "sft", "laten"],
        "controls": [],
    },
    "statistics": {"resamples": 200},
    "evaluation": {"split": "test", "batch_size": 8},
    "validation": {"split": "validation", "batch_size": 8},
    "judging": {"split": "test"},
    "judging-validation": {"split": "validation"},
}
CELLS = ("student/default/seed0", "teacher/default/seed0", "sft/default/seed0", "sft/default/seed1")


def make_study(pair: tuple[Path, Path], origin: Mapping[str, str], section: Mapping[str, Any]) -> Path:
    """Make the study below the working directory: a student of that origin, SFT with two seeds, LaTen with one."""
    for name, content in SETTINGS.items():
        write_json(STUDY / "settings" / f"{name}.json", content)
    write_json(STUDY / "settings/models/small.json", dict(section))
    for name, folder in zip(("big", "small"), pair, strict=True):
        shutil.copytree(folder, STUDY / "models" / name, ignore=shutil.ignore_patterns("run.json"))
        settings = STUDY / "settings/models/small.json" if name == "small" else None
        Run("model", settings).seal(STUDY / "models" / name, {"origin": dict(origin)})
    _write_benchmark()
    cells = [STUDY / "cells/p/facts" / name for name in (*CELLS, "laten/default/seed0")]
    for cell in cells:
        _train(cell)
        _score(cell, cell, "")
        if "teacher" not in cell.parts:
            _score(cell, STUDY / "validation" / Path(*cell.parts[-5:]), "-validation")
    write_json(STUDY / "settings/cells.json", [cell.as_posix() for cell in cells])
    ranked = [cell.as_posix() for cell in cells if "teacher" not in cell.parts]
    write_json(STUDY / "settings/ranked.json", ranked)
    order, statistics = STUDY / "settings/order.json", STUDY / "settings/statistics.json"
    collect_tables([str(cell) for cell in cells], order, STUDY / "tables", statistics)
    collect_ranking(ranked, order, STUDY / "tables/ranking.csv", statistics)
    return STUDY


def _write_benchmark() -> None:
    for number, split in enumerate(("train", "extract", "align", "validation", "test")):
        items = [
            Example(f"facts-{split}-{i}", f"Q{i + number}?", CHOICES[i % 3], choices=CHOICES, gold=i % 3)
            for i in range(12)
        ]
        write_split(STUDY / "benchmarks/facts", split, items)
    Run("benchmark").seal(STUDY / "benchmarks/facts")


def _train(cell: Path) -> None:
    method, out = cell.parts[-3], cell / "transfer"
    seed = int(cell.name.removeprefix("seed"))
    models = STUDY / "models/big", STUDY / "models/small"
    if method == "sft":
        optimisation = Optimisation(learning_rate=1e-2, epochs=6.0, batch_size=4)
        settings = Sft(layers="all", optimisation=optimisation)
        run_transfer(models, STUDY / "benchmarks/facts", {}, settings, out, seed)
        return
    out.mkdir(parents=True)
    write_json(cell / "settings.json", {"method": method})
    if method == "laten":
        values = torch.full((2, 32), 0.3)
        save_deltas([Delta("model.layers.1.mlp.up_proj", 0, torch.tensor([1, 5]), values)], out)
        write_transfer(out, "delta")
    else:
        write_transfer(out, "untouched", "teacher" if method == "teacher" else "student")
    Run("transfer", cell / "settings.json", seed).seal(out, {"cost": COST})


def _score(cell: Path, out: Path, suffix: str) -> None:
    models = {"teacher": STUDY / "models/big", "student": STUDY / "models/small"}
    scored = Scored(**models, transfer=cell / "transfer")
    answering = STUDY / "settings" / f"{'validation' if suffix else 'evaluation'}.json"
    benchmark, seed = STUDY / "benchmarks/facts", int(cell.name.removeprefix("seed"))
    generate_answers(scored, benchmark, answering, seed, out / "answers")
    judging = STUDY / "settings" / f"judging{suffix}.json"
    judge_answers(out / "answers", benchmark, judging, seed, out, cell / "transfer")
