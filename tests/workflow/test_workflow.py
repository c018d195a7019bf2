"""The jobs that the workflow plans, and one-line errors for mistakes in the config before any work."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from projects import MINI, ROOT, Finished, call, planned, snakemake

LARGE = ("llama2", "qwen3", "smollm2", "tiny-full")  # see test_retrieve
DEFAULT = "config"  # see test_the_default_is_the_embedded_study
CONFIGS = sorted(
    path.relative_to(ROOT) for path in ROOT.glob("config/*.yaml") if path.stem not in (*LARGE, DEFAULT)
)
CELL = "results/mini/cells/mini/facts/semalign/default/seed1"


def refused(ended: Finished) -> str:
    """Return the only line that a refused run prints."""
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("Using workflow specific")]
    assert ended.returncode == 1, ended.stderr
    assert len(lines) == 1 and lines[0].startswith("error: "), ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
    assert "Execute" not in ended.stdout
    return lines[0]


@pytest.mark.parametrize("path", [*CONFIGS, Path(MINI[1])], ids=str)
def test_every_config_can_be_planned(project: Path, path: Path) -> None:
    jobs = planned(snakemake(project, "--dry-run", "--configfile", str(path)))
    assert jobs["all"] == 1
    assert any(name.startswith("notebook_") for name in jobs)


def test_the_default_is_the_embedded_study(project: Path) -> None:
    jobs = planned(snakemake(project, "--dry-run"))
    assert jobs == planned(snakemake(project, "--dry-run", "--configfile", "config/config.yaml"))
    assert {"prepare_model", "transfer_knowledge", "collect_tables", "notebook_tables"} <= jobs.keys()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "notebooks=[nothing]",
            "--config: notebooks: found 'nothing', expected one of ablations, benchmarks",
        ),
        ("sedes=[0]", "--config: sedes: unknown key, expected one of"),
        ("seeds=many", "seeds: found 'many', expected a list"),
        ("alignment={map: upside-down}", "alignment.map: found 'upside-down', expected one of"),
        ("benchmarks={facts: {test: 0}}", "benchmarks.facts.test"),
        (
            "pairs={p: {teacher: nobody, student: student}}",
            "pairs.p.teacher: found 'nobody', expected one of",
        ),
        (
            "models={other: {source: folder, path: /nowhere}}",
            "models.other.path: ",
        ),
    ],
)
def test_a_mistake_in_the_config_is_one_line_before_any_work(
    project: Path, change: str, message: str
) -> None:
    assert message in refused(snakemake(project, *MINI, "--config", change))
    assert not list(project.glob("results/mini/*/*/run.json"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "own.yaml: found no such file"),
        (b"study: \xe9", "own.yaml: line 1: found byte 0xe9, which is not UTF-8"),
        (b"extends: twice.yaml", "twice.yaml: line 2: found key 'study' twice, first in line 1"),
        (b"seeds: [1]", "own.yaml: study: found nothing, expected: name of the study"),
    ],
)
def test_a_config_file_that_can_not_be_used_is_named(
    project: Path, tmp_path: Path, content: bytes | None, message: str
) -> None:
    (project / "twice.yaml").write_text("study: a\nstudy: b\n")
    path = tmp_path / "own.yaml"
    if content is not None:
        path.write_bytes(content)
    ended = snakemake(project, "--dry-run", "--configfile", str(path))
    (line,) = [line for line in ended.stderr.splitlines() if "profile" not in line]
    assert ended.returncode == 1 and line.startswith("error: ") and message in line


def test_a_broken_default_config_is_named(project: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(project, tmp_path / "project")
    (folder / "config/config.yaml").write_text("study: [a\n")
    assert "config/config.yaml: line 2, column 1: not valid YAML" in refused(snakemake(folder, "--dry-run"))


def test_a_study_of_a_name_alone_is_refused(project: Path) -> None:
    message = refused(snakemake(project, "--dry-run", "--config", "study=foo"))
    assert "study: found 'foo' with nothing else, which makes nothing" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            (*MINI, "results/mini/tables/main.csv"),
            "name targets first: snakemake results/mini/tables/main.csv ",
        ),
        (("--configfile", "nowhere.yaml"), "--configfile: nowhere.yaml: found no such file"),
        ((*MINI, "--directory", "elsewhere"), "--directory: found"),
    ],
)
def test_a_mistake_in_the_command_is_one_line_before_anything_is_written(
    project: Path, options: tuple[str, ...], message: str
) -> None:
    assert message in refused(snakemake(project, *options))
    assert not (project / "elsewhere").exists()


def test_from_another_folder_a_run_is_one_line_and_leaves_nothing_there(
    project: Path, tmp_path: Path
) -> None:
    command = ("env", f"PYTHONPATH={project}/src", "snakemake", "--cores", "1")
    files = ("--snakefile", str(project / "workflow/Snakefile"), "--configfile", str(project / MINI[1]))
    ended = call(tmp_path, *command, *files)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("error: working directory: found ")
    assert "Traceback" not in ended.stderr and not list(tmp_path.iterdir())


def test_a_cells_folder_as_target_plans_the_cell_and_its_inputs(project: Path) -> None:
    jobs = planned(snakemake(project, CELL, "--dry-run", *MINI))
    of_stages = (
        "attribute_layers",
        "pair_layers",
        "extract_activations",
        "align_states",
        "extract_reference",
        "generate_answers",
    )
    assert jobs == Counter(
        {CELL: 1, "transfer_knowledge": 1, "judge_answers": 1, "prepare_model": 2, "prepare_benchmark": 1}
    ) + Counter(check_texts=1) + Counter(of_stages) + Counter(
        # two learning rates to choose from, and the student as it is
        {"transfer_trial": 3, "answer_trial": 3, "judge_trial": 3, "choose_learning_rate": 1}
    )
