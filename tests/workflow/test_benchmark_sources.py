"""The workflow prepares benchmarks from a mirror and from a user's own file."""

import json
from pathlib import Path

import pytest
from fabricated_mirror import problem, write_fabricated
from projects import copy_project, snakemake

CONFIG = """
study: sources
mirror: ../mirror
models: {one: {source: tiny}}
benchmarks:
  gsm8k: {train: 5, extract: 2, align: 3, validation: 4, test: 6, verify: false}
  mine: {path: mine.jsonl}
"""
TARGETS = [f"results/sources/benchmarks/{name}/run.json" for name in ("gsm8k", "mine")]


def write_pairs(folder: Path, count: int) -> None:
    rows = [{"prompt": f"What is {i} + 1?", "answer": str(i + 1)} for i in range(count)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "mine.jsonl").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sources")
    mirror = write_fabricated(root / "mirror")
    rows = "".join(json.dumps(problem(i, "train")) + "\n" for i in range(320))
    (mirror / "gsm8k/train.jsonl").write_text(rows, encoding="utf-8")
    copied = copy_project(root / "project")
    (copied / "sources.yaml").write_text(CONFIG, encoding="utf-8")
    write_pairs(copied, 40)
    return copied


def test_a_moved_mirror_reruns_nothing_but_changed_data_do(folder: Path) -> None:
    made = snakemake(folder, *TARGETS, "--configfile", "sources.yaml")
    assert made.returncode == 0, made.stderr
    record = json.loads((folder / TARGETS[0]).read_text(encoding="utf-8"))
    assert record["origin"]["gsm8k"]["source"] == "mirror"
    assert len((folder / "results/sources/benchmarks/gsm8k/test.jsonl").read_text().splitlines()) == 6

    (folder.parent / "mirror").rename(folder.parent / "moved")
    gone = snakemake(folder, *TARGETS, "--configfile", "sources.yaml", "--dry-run")
    assert gone.returncode != 0
    assert "error: sources.yaml: mirror: no folder ../mirror, expected a mirror" in gone.stderr + gone.stdout
    moved = [*TARGETS, "--configfile", "sources.yaml", "--config", "mirror=../moved"]
    same = snakemake(folder, *moved, "--dry-run")
    assert "Nothing to be done" in same.stderr + same.stdout

    write_pairs(folder, 60)
    other = snakemake(folder, *moved, "--printshellcmds")
    assert other.returncode == 0, other.stderr
    assert "benchmark mine: 60 rows" in other.stderr + other.stdout
    assert "benchmark gsm8k: prepare" not in other.stderr + other.stdout
