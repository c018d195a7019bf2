"""DVC runs the miniature study through Snakemake in one stage, and only locks results that match."""

import shutil
from pathlib import Path

import pytest
import yaml
from projects import MINI, ROOT, call, dvc, git

pytestmark = [
    pytest.mark.study,
    pytest.mark.skipif(shutil.which("git") is None, reason="needs git"),
]


@pytest.fixture
def repository(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The finished study under git and DVC, with the stage of dvc.yaml changed to the miniature config."""
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    stage = (study / "dvc.yaml").read_text().replace("results/tiny", "results/mini")
    stage = stage.replace("config/config.yaml", MINI[1]).replace(
        "verify_results.py", f"verify_results.py --config {MINI[1]}"
    )
    stage = stage.replace("    outs:\n", "    outs:\n      - results/mini/scores:\n          persist: true\n")
    (study / "dvc.yaml").write_text(stage.replace("snakemake ", f"snakemake {' '.join(MINI)} "))
    git(study, "init", "--quiet")
    git(study, "add", ".")
    git(study, "commit", "--quiet", "--message", "the study")
    return study


@pytest.mark.parametrize(
    ("path", "name", "study"),
    [("dvc.yaml", "study", "tiny"), ("results/tiny-full/dvc.yaml", "full", "tiny-full")],
)
def test_the_stage_declares_all_results_except_logs_settings_and_checkpoints(
    finished: Path, path: str, name: str, study: str
) -> None:
    stage = yaml.safe_load((ROOT / path).read_text())["stages"][name]
    outs = {
        name.removeprefix(f"results/{study}/"): kept for out in stage["outs"] for name, kept in out.items()
    }
    assert all(kept["persist"] for kept in outs.values())
    made = {path.name for path in (finished / "results/mini").iterdir()}
    only_mini = {"scores"}  # only the miniature study scores a model as it is
    assert made - {"logs", "settings", "checkpoints"} - only_mini == set(outs)


def test_git_keeps_only_the_tables_of_the_full_study() -> None:
    kept = ("tables/main.csv", "dvc.yaml", "dvc.lock")
    ignored = (
        "models/tiny-teacher/model.safetensors",
        "cells/tiny/facts/sft/default/seed0/run.json",
        ".gitignore",
    )
    paths = [f"results/tiny-full/{name}" for name in (*kept, *ignored)] + ["results/tiny/tables/main.csv"]
    ended = call(ROOT, "git", "check-ignore", *paths)
    if ended.returncode > 1:
        pytest.skip("needs the project's git repository")
    assert set(ended.stdout.split()) == set(paths[len(kept) :])


def test_repro_locks_the_study_and_checkout_restores_it(repository: Path) -> None:
    assert "verified: " in dvc(repository, "repro").stderr
    assert git(repository, "status", "--short").split() == ["??", "dvc.lock"]
    assert "up to date" in dvc(repository, "status").stdout
    shown = dvc(repository, "metrics", "show").stdout
    assert "facts.semalign.score" in shown
    scores = (repository / "results/mini/tables/main.csv").read_bytes()
    for name in ("results", ".snakemake"):
        shutil.rmtree(repository / name)
    dvc(repository, "checkout")
    assert (repository / "results/mini/tables/main.csv").read_bytes() == scores
    assert "Nothing to be done" in dvc(repository, "repro", "--force").stderr
