"""The miniature study end to end: its results, and what reruns after a change."""

import csv
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import MINI, Finished, call, metrics, planned, snakemake

pytestmark = pytest.mark.study

MAIN = (
    "pair,benchmark,method,variant,seeds,items,score,score_low,score_high,vs_student,vs_student_p,"
    "vs_best_baseline,vs_best_baseline_p,gap_closed,gap_closed_low,gap_closed_high,teacher_kl,teacher_agreement,"
    "train_seconds,peak_memory_mb,trainable_parameters,paper"
)
CELLS = Path("results/mini/cells")
CELL = CELLS / "mini/facts/semalign/default/seed1"
NOTHING = "Nothing to be done"


def records(folder: Path) -> dict[str, int]:
    """Return record -> modification time in ns, for all records in the study's results."""
    root = folder / "results/mini"
    paths = [*root.rglob("run.json"), *root.glob("records/**/*.json")]
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in paths}


def rewritten(folder: Path, before: dict[str, int]) -> set[str]:
    return {name for name, when in records(folder).items() if before.get(name) != when}


def run(folder: Path, *targets: str) -> str:
    ended = snakemake(folder, *targets, *MINI)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended.stderr


def test_the_study_has_every_table_figure_and_page(finished: Path) -> None:
    root = finished / "results/mini"
    names = {path.name for path in root.glob("tables/*.csv")}
    assert names >= {
        "main.csv",
        "ablations.csv",
        "decomposition.csv",
        "head.csv",
        "similarity.csv",
        "seeds.csv",
        "costs.csv",
        "study_costs.csv",
        "contrasts.csv",
        "search.csv",
        "parts.csv",
        "ladder.csv",
        "dose.csv",
        "agreement.csv",
        "attribution.csv",
        "pairing.csv",
        "curves.csv",
        "displacement.csv",
        "geometry.csv",
        "crossing.csv",
        "benchmarks.csv",
    }
    figures = ("ablation", "agreement", "attribution", "cost_gain", "curves", "decomposition", "gap_closed")
    figures += ("displacement", "dose", "geometry", "ladder", "pairing", "scores", "similarity")
    files = [f"figures/{figure}.{kind}" for figure in figures for kind in ("svg", "png")]
    pages = (
        "ablations",
        "benchmarks",
        "decomposition",
        "fairness",
        "figures",
        "mechanism",
        "tables",
        "targets",
    )
    files += [f"notebooks/{name}.html" for name in pages]
    assert [name for name in files if not (root / name).stat().st_size] == []


def test_the_main_table_has_its_columns_and_one_row_per_method(finished: Path) -> None:
    header, *rows = (finished / "results/mini/tables/main.csv").read_text().splitlines()
    assert header == MAIN
    table = list(csv.DictReader([header, *rows]))
    assert [(row["benchmark"], row["method"], row["seeds"]) for row in table] == [
        (benchmark, method, "1" if method in ("student", "teacher") else "2")
        for benchmark in ("facts", "mixture", "mixture/facts", "mixture/completion")
        for method in ("student", "teacher", "semalign", "sft")
    ]
    ablations = (finished / "results/mini/tables/ablations.csv").read_text().splitlines()
    assert ablations[0] == f"{MAIN},axis,value,vs_default,vs_default_p"
    for variant in (",map~random,", ",examples~8,"):
        assert sum(variant in row for row in ablations) == 2  # one per benchmark that was trained on


def test_the_ladder_and_the_doses_are_those_of_the_config(finished: Path) -> None:
    tables = finished / "results/mini/tables"
    ladder, dose = (
        list(csv.DictReader((tables / f"{name}.csv").read_text().splitlines())) for name in ("ladder", "dose")
    )
    assert [(row["benchmark"], row["method"], row["below"]) for row in ladder] == [
        (benchmark, method, below)
        for benchmark in ("mixture", "mixture/facts", "mixture/completion")
        for method, below in (("student", ""), ("semalign", "student"), ("sft", "semalign"))
    ]
    assert all(
        0 <= float(row["score_p"]) <= float(row["score_p_holm"]) <= 1 for row in ladder if row["below"]
    )
    assert {(row["method"], row["variant"]) for row in dose} == {
        ("student", "default"),
        ("semalign", "default"),
    }
    assert all(
        float(row["drop"]) < 1 and float(row["loss_start"]) > 0 for row in dose if row["updates"] != "0"
    )


def test_every_cell_has_a_record_and_all_its_items(finished: Path) -> None:
    cells = sorted((finished / CELLS).glob("*/*/*/*/seed*"))
    assert len(cells) == 2 * (1 + 1 + 3 + 3)
    for cell in cells:
        record = json.loads((cell / "run.json").read_text())
        assert record["outputs"].keys() == {"items.jsonl", "metrics.json"}
        assert record["code"]["script"] == "scripts/judge_answers.py"
        assert record["isolation"]
        answers = json.loads((cell / "answers/run.json").read_text())
        assert answers["code"]["script"] == "scripts/generate_answers.py"
        items = 24 if "mixture" in cell.parts else 12
        assert len((cell / "items.jsonl").read_text().splitlines()) == items
        assert str(finished) not in (cell / "run.json").read_text()


def test_a_model_is_scored_as_it_is(finished: Path) -> None:
    (row,) = csv.DictReader((finished / "results/mini/tables/benchmarks.csv").read_text().splitlines())
    expected = ("student", "completion", "paper", "12", "pass@1", "1.0000", "nobody")
    columns = ("model", "benchmark", "protocol", "items", "metric", "published", "published_source")
    assert tuple(row[name] for name in columns) == expected
    folder = finished / "results/mini/scores/student/completion/paper"
    record = json.loads((folder / "run.json").read_text())
    assert record["isolation"] == row["isolation"]
    assert float(row["tokens_per_second"]) > 0
    generated = json.loads((folder / "answers/run.json").read_text())
    assert generated["code"]["script"] == "scripts/generate_answers.py"
    assert len((folder / "items.jsonl").read_text().splitlines()) == 12


def test_a_second_run_does_nothing(study: Path) -> None:
    before = records(study)
    assert NOTHING in run(study)
    assert not rewritten(study, before)


def test_the_best_students_are_exported_on_demand_and_nothing_else_changes(study: Path) -> None:
    before, root = records(study), study / "results/mini"
    jobs = planned(snakemake(study, "export", *MINI, "--dry-run"))
    # two benchmarks with the student, and two methods with two seeds each
    assert jobs == Counter(
        answer_validation=10, judge_validation=10, collect_ranking=1, export_adapter=2, export=1
    )
    run(study, "export")
    assert {Path(name).parts[2] for name in rewritten(study, before)} == {"validation", "records"}
    with (root / "tables/ranking.csv").open(encoding="utf-8") as file:
        shipped = [row for row in csv.DictReader(file) if row["ship"] == "1"]
    assert [row["benchmark"] for row in shipped] == ["facts", "mixture"]
    for row in shipped:
        folder = root / "export/mini" / row["benchmark"] / row["method"]
        written = json.loads((root / f"records/export/mini/{row['benchmark']}.json").read_text())["outputs"]
        trained = row["method"] != "student"
        assert folder.is_dir() == bool(written) == trained
        assert (folder / "README.md").is_file() == trained
    assert verify(study).returncode == 0
    assert NOTHING in run(study, "export")


def test_a_deleted_table_and_a_deleted_cell_are_made_again_by_a_plain_run(study: Path) -> None:
    (study / "results/mini/tables/main.csv").unlink()
    shutil.rmtree(study / CELL)
    jobs = planned(snakemake(study, *MINI, "--dry-run"))
    again = {"transfer_knowledge", "generate_answers", "judge_answers", "collect_tables", "write_index"}
    assert {jobs[rule] for rule in again} == {1}


def test_only_a_deleted_cell_is_made_again_with_the_same_result(study: Path) -> None:
    before, scored = records(study), metrics(study)
    for path in sorted((study / CELL).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (study / CELL).rmdir()
    run(study, str(CELL))
    assert rewritten(study, before) == {
        f"{CELL}/run.json",
        f"{CELL}/answers/run.json",
        f"{CELL}/transfer/run.json",
    }
    assert metrics(study) == scored
    assert NOTHING in run(study, str(CELL))


def test_a_change_of_the_resamples_reruns_tables_but_no_training(
    study: Path, edit: Callable[[str, str], None]
) -> None:
    edit("resamples: 500", "resamples: 400")
    jobs = planned(snakemake(study, *MINI, "--dry-run"))
    assert {"collect_tables", "notebook_tables"} <= jobs.keys()
    assert not {name for name in jobs if re.search("transfer|trial|answer|judge|choose|extract|align", name)}
    before = records(study)
    run(study, "results/mini/tables/main.csv", "results/mini/tables/search.csv")
    again = {name.removeprefix("results/mini/") for name in rewritten(study, before)}
    assert again >= {"records/tables.json", "records/tables/search.json"}
    assert not [name for name in again if name.startswith(("search/", "choices/", "cells/", "signals/"))]


def restore(study: Path) -> None:
    """Remove Snakemake's metadata and shuffle file times, as `dvc pull` into a fresh clone does; then touch."""
    for number, path in enumerate(sorted(study.glob("results/mini/*/**/*"))):
        if path.is_file():
            os.utime(path, ns=(number * 10**9, number * 10**9))
    for name in (".snakemake", "results/mini/settings", "results/mini/logs"):
        shutil.rmtree(study / name)
    touched = snakemake(study, *MINI, "--touch", "--forceall", "--quiet", "all")
    assert touched.returncode == 0, touched.stderr


def verify(study: Path, *arguments: str) -> Finished:
    return call(study, "python", "scripts/verify_results.py", "--config", MINI[1], *arguments)


def test_in_a_restored_clone_an_edited_setting_reruns_what_depends_on_it(
    study: Path, finished: Path, edit: Callable[[str, str], None]
) -> None:
    restore(study)
    assert NOTHING in run(study)
    assert verify(study).returncode == 0
    before = records(study)
    edit("optimisation: &budget {epochs: 2, batch_size: 8}", "optimisation: {epochs: 3, batch_size: 8}")
    edit("optimisation: *budget", "optimisation: {epochs: 2, batch_size: 8}")
    refusal = verify(study)
    assert (refusal.returncode, len(refusal.stderr.splitlines())) == (1, 1)
    assert "made with other settings than the config's (methods/semalign/default)" in refusal.stderr

    run(study, "results/mini/tables/main.csv", "results/mini/tables/similarity.csv")
    again = rewritten(study, before)
    cells = {name for name in again if name.startswith(str(CELLS))}
    assert len(cells) == 2 * 3 * 3
    assert all("/semalign/" in name for name in cells)
    searched = {name for name in again if name.startswith(("results/mini/search", "results/mini/choices"))}
    assert len(searched) == 2 * 2 * (2 * 3 + 1)
    assert all("/semalign/" in name for name in searched)
    assert {name.removeprefix("results/mini/records/") for name in again - cells - searched} == {
        "tables.json",
        "analysis/similarity/mini/semalign.json",
        "tables/similarity.json",
    }

    # restore the older results, as a checkout does, while Snakemake's metadata describe the newer ones
    for part in ("cells", "search", "choices", "tables", "analysis", "records"):
        shutil.rmtree(study / "results/mini" / part)
        shutil.copytree(finished / "results/mini" / part, study / "results/mini" / part)
    assert verify(study).returncode == 1
    pruned = verify(study, "--prune")
    assert "results/mini/cells/mini/facts/semalign/default/seed0/transfer/run.json" in pruned.stderr
    planned = snakemake(study, *MINI, "--dry-run", "results/mini/tables/main.csv")
    assert re.search(r"^transfer_knowledge +6$", planned.stdout, re.MULTILINE), planned.stdout
    assert re.search(r"^judge_answers +6$", planned.stdout, re.MULTILINE)
    assert re.search(r"^transfer_trial +8$", planned.stdout, re.MULTILINE)
    assert re.search(r"^collect_tables +1$", planned.stdout, re.MULTILINE)


def test_artifacts_that_were_tampered_with_are_refused_and_pruned(study: Path) -> None:
    for name in (
        "tables/main.csv",
        "figures/scores.svg",
        "signals/mini/facts/alignment/default/targets.safetensors",
    ):
        with (study / "results/mini" / name).open("ab") as file:
            file.write(b" ")
    assert verify(study).returncode == 1
    pruned = verify(study, "--prune")
    kept = {path.name for path in study.glob("results/mini/tables/*")}
    assert "main.csv" not in kept
    assert not (study / "results/mini/signals/mini/facts/alignment/default").exists()
    assert "missing" not in pruned.stderr
    planned = snakemake(study, *MINI, "--dry-run")
    # with other targets, the learning rate is searched again for the cells of that variant and benchmark
    assert re.search(r"^transfer_trial +2$", planned.stdout, re.MULTILINE), planned.stdout
    assert re.search(r"^transfer_knowledge +2$", planned.stdout, re.MULTILINE)
