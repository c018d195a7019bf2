"""Inputs that changed under the same name rerun what depends on them; edited tables cost nothing."""

import json
import os
from pathlib import Path

import pytest
from fabricated_models import build_model, write_tokenizer
from projects import MINI, call, copy_project, planned, snakemake

pytestmark = pytest.mark.study

OWN = """
study: own
models: {first: {source: folder, path: models/first}, second: {source: folder, path: models/second}}
benchmarks: {mine: {path: rows.jsonl}}
scores: {models: [first, second]}
"""
PREPARED = ("--configfile", "own.yaml")


def write_model(folder: Path, seed: int) -> None:
    build_model("llama", layers=2, width=32, seed=seed).save_pretrained(folder)
    write_tokenizer(folder)


def prepares(folder: Path) -> dict[str, int]:
    """The jobs that another run would start to prepare models and benchmarks."""
    ended = snakemake(folder, "retrieve", "--dry-run", *PREPARED)
    if "Nothing to be done" in ended.stdout + ended.stderr:
        return {}
    return {rule: number for rule, number in planned(ended).items() if rule.startswith("prepare_")}


def test_a_model_or_data_file_that_changed_is_prepared_again_alone(tmp_path: Path) -> None:
    folder = copy_project(tmp_path / "project")
    for seed, name in enumerate(("first", "second")):
        write_model(folder / "models" / name, seed)
    rows = [json.dumps({"prompt": f"{n} + 1 =", "answer": str(n + 1)}) for n in range(40)]
    (folder / "rows.jsonl").write_text("\n".join(rows) + "\n")
    (folder / "own.yaml").write_text(OWN)
    ended = snakemake(folder, "retrieve", *PREPARED)
    assert ended.returncode == 0, ended.stderr
    assert prepares(folder) == {}
    write_model(folder / "models/first", seed=7)
    os.utime(folder / "models/first/model.safetensors", (1000, 1000))
    assert prepares(folder) == {"prepare_model": 1}
    # a job that reads it says what helps, and that helps
    root = "results/own"
    model = ("--model", f"{root}/models/first", "--benchmark", f"{root}/benchmarks/mine", "--seed", "0")
    settings = ("--settings", f"{root}/settings/scores/paper.json", "--out", "answers")
    ended = call(folder, "python", "scripts/generate_answers.py", *model, *settings)
    (line,) = ended.stderr.splitlines()
    assert "changed after it was prepared; start the run again" in line
    assert snakemake(folder, "retrieve", *PREPARED).returncode == 0
    assert prepares(folder) == {}
    os.utime(folder / "rows.jsonl", (1000, 1000))
    assert prepares(folder) == {"prepare_benchmark": 1}


def test_teacher_and_student_that_change_places_are_trained_again(study: Path) -> None:
    """Both pairs have the same models as inputs, in another order."""
    swapped = ("--config", "pairs={mini: {teacher: student, student: teacher}}")
    jobs = planned(snakemake(study, "--dry-run", *MINI, *swapped))
    every = planned(snakemake(study, "--dry-run", "--forceall", *MINI, *swapped))
    # what does not depend on the roles; some of the joined tables do
    kept = {"prepare_model", "prepare_benchmark", "answer_as_it_is", "judge_as_it_is", "check_texts_as_it_is"}
    kept |= {"measure_decomposition", "collect_scores", "join_tables", "all", "total"}
    assert {rule for rule, number in every.items() if rule not in kept and jobs[rule] != number} == set()


def test_another_limit_of_tokens_checks_and_answers_again_from_the_same_signals(study: Path) -> None:
    """The checks run again as well, which must not hide that the answers are made with other settings."""
    other = ("--config", "evaluation={max_new_tokens: {completion: 9}}")
    jobs = planned(snakemake(study, "--dry-run", *MINI, *other))
    every = planned(snakemake(study, "--dry-run", "--forceall", *MINI, *other))
    again = ("check_texts", "generate_answers", "answer_as_it_is", "judge_answers", "collect_tables")
    assert {rule: jobs[rule] for rule in again} == {rule: every[rule] for rule in again}
    assert not {"attribute_layers", "pair_layers", "align_states", "transfer_trial"} & jobs.keys()


@pytest.mark.parametrize("damage", [b"\xff\x00", b""], ids=["garbled", "empty"])
def test_a_damaged_table_is_refused_before_anything_is_removed(study: Path, damage: bytes) -> None:
    table = study / "results/mini/tables/main.csv"
    good = table.read_bytes()
    table.write_bytes(damage)
    files = {path for path in (study / "results/mini").rglob("*") if path.is_file()}
    ended = snakemake(study, *MINI)
    assert ended.returncode == 1
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert "results/mini/tables/main.csv: found another content than the one that the study wrote" in line
    assert {path for path in (study / "results/mini").rglob("*") if path.is_file()} == files
    if damage:
        command = line.partition("again: ")[2].partition(", then start")[0].split()
        assert call(study, *command).returncode == 0
        assert snakemake(study, *MINI).returncode == 0
        assert table.read_bytes() == good
