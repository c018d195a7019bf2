"""Mistakes that only show during a job: one line on the screen and in the log, no traceback, exit status 1."""

import shutil
from pathlib import Path

import pytest
from projects import MINI, Finished, snakemake

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
