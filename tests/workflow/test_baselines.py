"""Every baseline runs through the workflow: signals, training, score and cost."""

import csv
import json
from pathlib import Path

import pytest
from projects import copy_project, snakemake

pytestmark = pytest.mark.study

CONFIG = ("--configfile", "tests/workflow/baselines.yaml")
ROOT = Path("results/mini-baselines")
NEEDS = {
    "seeking": {"extraction"},
    "pissa": set(),
    "laten": {"location"},
    "distill-logits": {"logits", "pairing"},
    "distill-hidden": {"pairing", "activations"},
    "flex-kd": {"units", "pairing"},
    "distill-states": {"states", "pairing"},
    "prox": {"activations", "pairing"},
    "self-anchor": {"logits", "pairing"},
    "residual-geometry": {"alignment", "logits", "pairing"},
    "semantic-residual": {"residual", "states", "pairing"},
    "semantic-residual-random-bases": {"residual", "states", "pairing"},
    "oracle": {"oracle", "pairing"},
}


@pytest.fixture(scope="module")
def baselines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_project(tmp_path_factory.mktemp("baselines"))
    ended = snakemake(folder, *CONFIG)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return folder / ROOT


@pytest.mark.parametrize("method", NEEDS)
def test_a_baseline_reads_its_own_signals_and_is_scored(baselines: Path, method: str) -> None:
    cell = baselines / "cells/mini/facts" / method / "default/seed0"
    record = json.loads((cell / "transfer/run.json").read_text())
    assert set(record["inputs"]) - {"student", "teacher", "benchmark"} == NEEDS[method]
    assert json.loads((cell / "metrics.json").read_text())["items"] == 12


def test_the_table_of_costs_has_one_row_per_method(baselines: Path) -> None:
    with (baselines / "tables/costs.csv").open() as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    for method, needs in NEEDS.items():
        row = rows[method]
        assert float(row["train_seconds"]) > 0 and float(row["peak_memory_mb"]) > 0
        assert int(row["trainable_parameters"]) > 0
        assert (int(row["teacher_passes"]) > 0) == bool(needs)
        assert (float(row["signal_mb"]) > 0) == bool(needs)
    assert (baselines / "notebooks/fairness.html").stat().st_size
