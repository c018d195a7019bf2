"""Mistakes that only show during a job: one line on the screen and in the log, no traceback, exit status 1."""

import json
import shutil
from pathlib import Path

import pytest
from projects import MINI, Finished, planned, snakemake

pytestmark = pytest.mark.study

CELL = "results/mini/cells/mini/facts/semalign/default/seed0"


def error_line(ended: Finished, folder: Path) -> str:
    """Return the error line of the only job that failed, from the log that the run's last line names."""
    output = ended.stdout + ended.stderr
    assert ended.returncode == 1, output
    assert "Traceback" not in output
    heading, line = ended.stderr.splitlines()[-2:]
    assert heading.startswith("1 failed, ") and line.endswith(".log)"), output
    said, _, log = line.removesuffix(")").rpartition(" (")
    (error,) = [text for text in (folder / log).read_text().splitlines() if text.startswith("error: ")]
    assert said.endswith(f": {error.removeprefix('error: ')}")
    return error


def test_an_artifact_that_was_tampered_with(study: Path) -> None:
    shutil.rmtree(study / CELL)
    weights = study / "results/mini/models/student/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    line = error_line(snakemake(study, CELL, *MINI), study)
    assert line.startswith(
        "error: results/mini/models/student/model.safetensors: does not match its provenance ("
    )
    assert line.endswith("; delete results/mini/models/student/run.json and start the run again")
    assert (
        line
        in (study / "results/mini/logs" / CELL.removeprefix("results/mini/") / "transfer.log").read_text()
    )
    assert not (study / CELL / "transfer").exists()


def test_a_loss_that_is_not_finite(study: Path) -> None:
    # without the search, whose trials would fail first, each with its own line
    changes = ("methods={semalign: {layer_loss_weight: 1.0e+39}}", "search={learning_rates: []}")
    ended = snakemake(study, CELL, *MINI, "--config", *changes)
    assert error_line(ended, study) == (
        f"error: {CELL.removeprefix('results/mini/')}: step 1: layer: found inf, expected a finite number "
        "(try a lower learning_rate)"
    )


def test_a_reference_that_can_not_be_scored_ends_the_run_before_any_training(study: Path) -> None:
    rows = [{"prompt": f"What is {n}?", "answer": f"{n} of 9", "target": f"{n}"} for n in range(10, 50)]
    (study / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (study / "mine.yaml").write_text(
        "extends: tests/workflow/mini.yaml\n"
        "pairs: {mini: {benchmarks: [facts, mixture, mine]}}\n"
        "benchmarks: {mine: {path: rows.jsonl}}\n"
    )
    cell = "results/mini/cells/mini/mine/semalign/default/seed0"
    line = error_line(snakemake(study, cell, "--configfile", "mine.yaml"), study)
    assert line.startswith("error: benchmarks.mine: validation: the reference of example mine-validation-00")
    assert "its last number counts: found 9, expected " in line and "(12 of 12 references)" in line
    assert not list(study.glob("results/mini/*/mini/mine/**/run.json"))


def test_a_check_that_runs_again_makes_nothing_else_stale(study: Path) -> None:
    source = study / "src/semalign/evaluation/readiness/lines.py"
    source.write_text(source.read_text() + "\n# changed\n")
    jobs = planned(snakemake(study, *MINI, "--dry-run"))
    assert jobs == {"check_texts": 2, "check_texts_as_it_is": 1}
