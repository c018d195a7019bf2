"""A cell of a published benchmark: samples, verdicts, subjects and protocol are in its files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from protocol_items import ITEMS, SHOTS
from scored_cells import evaluate_cell

from semalign.benchmarks.base import Prepared, write_prepared
from semalign.benchmarks.mixture import write_mixture
from semalign.evaluation.items import read_items
from semalign.models.transfers import write_transfer
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import Run
from semalign.statistics.tables.cells import read_cell

COST = {"train_seconds": 1.5, "trainable_parameters": 7, "teacher_passes": 3}


def write_benchmark(root: Path, name: str) -> Path:
    """A sealed folder with the same few items in every split."""
    splits = {
        split: [replace(item, id=f"{split}-{item.id}") for item in ITEMS[name]]
        for split in ("train", "extract", "align", "validation", "test")
    }
    (root / name).mkdir(parents=True)
    write_prepared(root / name, Prepared(splits, SHOTS.get(name, [])))  # type: ignore[arg-type]
    Run("benchmark").seal(root / name)
    return root / name


def score(root: Path, pair: tuple[Path, Path], benchmark: Path, seed: int = 0, **options: Any) -> Path:
    """Score a cell of the untouched student."""
    out = root / f"cells/pair/{benchmark.name}/student/default/seed{seed}"
    tokens = {"max_new_tokens": dict.fromkeys(ITEMS, 4), "sandbox": {"allow_weak_isolation": True}}
    write_json(root / "settings.json", tokens | options)
    write_transfer(out / "transfer", "untouched", "student")
    Run("transfer").seal(out / "transfer", {"cost": COST})
    teacher, student = pair
    evaluate_cell(student, teacher, out / "transfer", benchmark, None, root / "settings.json", seed, out)
    return out


def test_a_cell_of_sampled_code(tmp_path: Path, sealed_pair: tuple[Path, Path]) -> None:
    benchmark = write_benchmark(tmp_path, "humaneval")
    out = score(tmp_path, sealed_pair, benchmark, samples={"humaneval": 3})
    records = read_items(out / "items.jsonl")
    assert [len(record.responses) for record in records] == [3] * 3
    assert [len(record.more_verdicts or []) for record in records] == [2] * 3
    facts = read_json(out / "run.json")["evaluation"]["humaneval"]
    assert (facts["samples"], facts["protocol"], facts["decoding"]["temperature"]) == (3, "paper", 0.1)
    assert read_json(out / "metrics.json")["metric"] == "pass@1"
    assert len(read_cell(out).ids) == 3
    again = score(tmp_path / "again", sealed_pair, benchmark, samples={"humaneval": 3})
    assert (again / "items.jsonl").read_bytes() == (out / "items.jsonl").read_bytes()


def test_a_cell_of_choices_has_its_subjects(tmp_path: Path, sealed_pair: tuple[Path, Path]) -> None:
    out = score(tmp_path, sealed_pair, write_benchmark(tmp_path, "mmlu"), protocol="lm-eval")
    metrics = read_json(out / "metrics.json")
    assert sum(subject["items"] for subject in metrics["subjects"].values()) == metrics["items"]
    assert {record.subject for record in read_items(out / "items.jsonl")} == set(metrics["subjects"])
    assert read_json(out / "run.json")["evaluation"]["mmlu"]["task"] == "mmlu-lm-eval"


def test_parts_of_a_mixture_keep_their_subjects(tmp_path: Path, sealed_pair: tuple[Path, Path]) -> None:
    parts = [write_benchmark(tmp_path, name) for name in ("mmlu", "gsm8k")]
    (tmp_path / "both").mkdir()
    write_mixture(parts, tmp_path / "both")
    Run("benchmark").seal(tmp_path / "both")
    out = score(tmp_path, sealed_pair, tmp_path / "both")
    metrics = read_json(out / "metrics.json")
    assert "subjects" not in metrics
    assert ["subjects" in metrics["parts"][name] for name in ("mmlu", "gsm8k")] == [True, False]
    assert read_cell(out).by_part()
    shots = [(tmp_path / name / "shots.jsonl").read_bytes() for name in ("gsm8k", "both/parts/gsm8k")]
    assert shots[0] == shots[1]


def test_shots_that_do_not_fit_are_refused(tmp_path: Path, sealed_pair: tuple[Path, Path]) -> None:
    with pytest.raises(UserError, match="at most the model's 256"):
        score(tmp_path, sealed_pair, write_benchmark(tmp_path, "gsm8k"), protocol="lm-eval")
