"""Benchmarks with wrong labels and without labels run through the workflow: answers, training, scores, tables."""

import csv
import json
from pathlib import Path

import pytest
from projects import call, planned, run_project, snakemake

pytestmark = pytest.mark.study

CONFIG = ("--configfile", "tests/workflow/derived.yaml")
ROOT = Path("results/mini-derived")
ITEMS = {"completion": 12, "wrong": 12, "unlabeled": 12, "mixed": 24}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_project(tmp_path_factory.mktemp("derived"), *CONFIG)


def record(folder: Path, name: str) -> dict:
    return json.loads((folder / ROOT / name / "run.json").read_text())


@pytest.mark.parametrize("benchmark", ITEMS)
@pytest.mark.parametrize("method", ["sft", "distill-logits"])
def test_a_cell_trains_on_the_changed_answers_and_is_scored_on_the_items_of_the_other(
    made: Path, benchmark: str, method: str
) -> None:
    cell = f"cells/mini/{benchmark}/{method}/default/seed0"
    metrics = json.loads((made / ROOT / cell / "metrics.json").read_text())
    assert metrics["items"] == ITEMS[benchmark]
    read = record(made, f"{cell}/transfer")["inputs"]["benchmark"]
    assert read["path"] == str(ROOT / "benchmarks" / benchmark)
    rows = [json.loads(line) for line in (made / ROOT / cell / "items.jsonl").read_text().splitlines()]
    parts = ["facts", "completion"] if benchmark == "mixed" else ["completion"]
    assert {row["id"].partition("-")[0] for row in rows} == set(parts)
    tasks = record(made, f"{cell}/answers")["evaluation"]
    assert {name: tasks[name]["task"] for name in tasks} == {part: part for part in parts}


def test_the_untouched_student_scores_the_same_on_the_same_items(made: Path) -> None:
    files = [made / ROOT / f"cells/mini/{name}/student/default/seed0/items.jsonl" for name in ITEMS]
    assert files[0].read_text() == files[1].read_text() == files[2].read_text()
    sft = [made / ROOT / f"cells/mini/{name}/sft/default/seed0/transfer/history.jsonl" for name in ITEMS]
    assert len({path.read_text() for path in sft}) == len(ITEMS)


def test_the_records_count_the_changes(made: Path) -> None:
    assert record(made, "benchmarks/wrong")["corrupted"] == {"examples": 24, "wrong": 12}
    assert record(made, "benchmarks/mixed")["corrupted"] == {"examples": 48, "wrong": 12}
    answers = record(made, "answered/teacher/completion")["answers"]
    assert answers["prompts"] == 24 and record(made, "benchmarks/unlabeled")["unlabeled"] == answers
    with (made / ROOT / "benchmarks/unlabeled/train.jsonl").open() as file:
        assert len(file.readlines()) == 24 - answers["empty"]


def test_the_mean_of_a_contrast_has_each_item_once(made: Path) -> None:
    with (made / ROOT / "tables/contrasts.csv").open() as file:
        rows = {row["benchmark"]: int(row["items"]) for row in csv.DictReader(file)}
    assert rows == {**ITEMS, "mixed/facts": 12, "mixed/completion": 12, "mean": 12 + 24}


def test_all_of_it_is_verified_and_a_second_run_does_nothing(made: Path) -> None:
    ended = call(made, "python", "scripts/verify_results.py", "--config", CONFIG[1])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    again = snakemake(made, *CONFIG)
    assert "Nothing to be done" in again.stdout + again.stderr


def test_another_share_reruns_only_what_reads_it(made: Path) -> None:
    config = made / CONFIG[1]
    before = config.read_text()
    config.write_text(before.replace("corrupted: 0.5", "corrupted: 0.25"))
    jobs = planned(snakemake(made, "--dry-run", *CONFIG))
    config.write_text(before)
    assert jobs["prepare_benchmark"] == 1 and jobs["answer_prompts"] == 0
    assert jobs["transfer_knowledge"] == 4


def test_fetching_for_a_machine_without_internet_needs_no_derived_benchmark(made: Path) -> None:
    planned_jobs = snakemake(made, "retrieve", "--forceall", "--dry-run", *CONFIG)
    assert planned_jobs.returncode == 0, planned_jobs.stderr
    assert "answer_prompts" not in planned_jobs.stdout
