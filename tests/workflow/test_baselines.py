"""Every baseline runs through the workflow: signals, training, score and cost."""

import csv
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from projects import call, planned, run_project, snakemake

pytestmark = pytest.mark.study

CONFIG = ("--configfile", "tests/workflow/baselines.yaml")
CONFIG_OF_SCRIPT = ("--config", CONFIG[1])
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
    "pullback": {"pullback", "pairing"},
    "residual-geometry": {"alignment", "logits", "pairing"},
    "semantic-residual": {"residual", "states", "pairing"},
    "semantic-residual-random-bases": {"residual", "states", "pairing"},
    "residual-start": {"residual", "logits", "pairing"},
    "oracle": {"oracle", "pairing"},
    "fisher-surrogate": {"alignment", "logits", "pairing"},
    "oprd-bridge": {"pairing", "activations"},
}


@pytest.fixture(scope="module")
def baselines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_project(tmp_path_factory.mktemp("baselines"), *CONFIG) / ROOT


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


def test_an_oracle_reads_a_student_of_another_seed_that_is_not_scored(baselines: Path) -> None:
    record = json.loads((baselines / "signals/mini/facts/oracle/default/run.json").read_text())
    trained = baselines / "cells/mini/facts/distill-logits/default/seed1000"
    assert record["inputs"]["transfer"]["path"] == str((ROOT / trained.relative_to(baselines)) / "transfer")
    assert (trained / "transfer/run.json").is_file() and not (trained / "metrics.json").exists()
    with (baselines / "tables/main.csv").open() as file:
        assert {row["seeds"] for row in csv.DictReader(file) if row["method"] == "distill-logits"} == {"1"}


def test_controls_of_the_residual_are_recognised_in_the_tables(baselines: Path) -> None:
    controls = json.loads((baselines / "tables/levels.json").read_text())["controls"]
    assert controls == ["self-anchor", "semantic-residual-random-bases", "oracle"]
    names = {path.name for path in (baselines / "signals/mini/facts/residual").iterdir()}
    assert names == {"default", "bases~random"}


def test_a_study_with_an_oracle_is_verified_whole(baselines: Path) -> None:
    """The student that the oracle reads belongs to the study although it is not among its cells."""
    ended = call(baselines.parents[1], "python", "scripts/verify_results.py", *CONFIG_OF_SCRIPT)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_other_settings_of_the_method_that_an_oracle_reads_train_its_student_again(
    baselines: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(baselines.parents[1], tmp_path / "study", symlinks=True)

    def jobs(change: str) -> Counter[str]:
        return planned(snakemake(folder, "--dry-run", *CONFIG, "--config", change))

    # per benchmark: the method's own cell, the student that is read, and the oracle's cell
    other = jobs("methods={distill-logits: {label_loss_weight: 0.5}}")
    assert other["transfer_knowledge"] == 3 * other["read_oracle"] > 0
    # the same after an edit of its code
    source = folder / "src/semalign/methods/distill_logits.py"
    text = source.read_text()
    source.write_text(f"{text}# edited\n")
    assert jobs("oracle={seed: 1000}") == other
    source.write_text(text)
    # another student, and the oracle's cell
    other = jobs("oracle={seed: 7}")
    assert other["transfer_knowledge"] == 2 * other["read_oracle"] > 0
    other = jobs("methods={sft: {optimisation: {epochs: 1, batch_size: 8}}}")
    assert other["transfer_knowledge"] > 0 and "read_oracle" not in other


def test_other_bases_recompose_again_and_the_teacher_does_not_run_again(
    baselines: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(baselines.parents[1], tmp_path / "study", symlinks=True)
    jobs = planned(snakemake(folder, "--dry-run", *CONFIG, "--config", "residual={bases: pinv-raw}"))
    # per benchmark one residual, which two methods read; the control sets its bases itself
    assert jobs["transfer_knowledge"] == 2 * jobs["recompose_residual"] > 0
    assert not {"store_states", "store_logits", "read_oracle"} & jobs.keys()
