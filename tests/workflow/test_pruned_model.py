"""A pruned model is made after its teacher, and only reruns if its inputs or its code change."""

import json
from pathlib import Path

from projects import copy_project, snakemake

CONFIG = ("--configfile", "tests/workflow/pruned.yaml")
STUDENT = "results/pruned/models/student/run.json"


def test_a_pruned_model_is_made_after_its_teacher(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    (project / "own.txt").write_text("Ann has 3 apples and buys 4 more. She has 7 apples. " * 20)
    finished = snakemake(project, STUDENT, *CONFIG)
    assert finished.returncode == 0, finished.stderr
    record = json.loads((project / STUDENT).read_text())
    assert record["inputs"]["teacher"]["path"] == "results/pruned/models/teacher"
    assert record["inputs"]["own.txt"]["path"] == "own.txt"
    assert len(record["origin"]["layers"]) == 2
    assert not (project / "results/pruned/checkpoints/models/student").exists()

    assert "Nothing to be done" in snakemake(project, "-n", STUDENT, *CONFIG).stdout
    recipe = project / "src/semalign/models/pruning/recipe.py"
    recipe.write_text(recipe.read_text() + "\n# another edition\n")
    again = snakemake(project, "-n", STUDENT, *CONFIG)
    assert "model student: prepare" in again.stdout + again.stderr
    assert "model teacher: prepare" not in again.stdout + again.stderr
