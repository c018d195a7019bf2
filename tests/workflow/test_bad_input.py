"""Mistakes that only the work itself can find: one line on the screen and in the log, no traceback, status 1."""

import shutil
from pathlib import Path

import pytest
from projects import MINI, Finished, snakemake

pytestmark = pytest.mark.study

CELL = "results/mini/cells/mini/facts/semalign/default/seed0"


def told(ended: Finished) -> str:
    """The line above what Snakemake says of the failed rule."""
    said = ended.stdout + ended.stderr
    assert ended.returncode == 1, said
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    return line


def test_an_artifact_that_was_tampered_with(study: Path) -> None:
    shutil.rmtree(study / CELL)
    weights = study / "results/mini/models/student/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    line = told(snakemake(study, CELL, *MINI))
    assert line.startswith(
        "error: results/mini/models/student/model.safetensors: does not match its provenance ("
    )
    assert line.endswith("delete the folder and rerun")
    assert (
        line
        in (study / "results/mini/logs" / CELL.removeprefix("results/mini/") / "transfer.log").read_text()
    )
    assert not (study / CELL / "transfer").exists()


def test_a_loss_that_is_not_finite(study: Path) -> None:
    # without the search, whose trials would fail first, each with its line
    changes = ("methods={semalign: {layer_loss_weight: 1.0e+39}}", "search={learning_rates: []}")
    ended = snakemake(study, CELL, *MINI, "--config", *changes)
    assert told(ended) == (
        f"error: {CELL.removeprefix('results/mini/')}: step 1: layer is inf; expected a finite number "
        "(try a lower learning_rate)"
    )
