"""The jobs that the workflow plans, and one-line errors for mistakes in the config before any work."""

from collections import Counter
from pathlib import Path

import pytest
from projects import MINI, ROOT, Finished, planned, snakemake

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
        ("notebooks=[nothing]", "notebooks: found 'nothing', expected some of ablations, benchmarks"),
        ("sedes=[0]", "unknown key 'sedes'"),
        ("seeds=many", "seeds: input should be a valid list (found 'many')"),
        ("alignment={map: upside-down}", "alignment.map: found 'upside-down', expected one of"),
        ("benchmarks={facts: {test: 0}}", "benchmarks.facts.test"),
        (
            "pairs={p: {teacher: nobody, student: student}}",
            "pairs.p.teacher: found 'nobody', expected one of",
        ),
        (
            "models={other: {source: folder, path: /nowhere}}",
            "models.other.path: found no /nowhere/config.json",
        ),
    ],
)
def test_a_mistake_in_the_config_is_one_line_before_any_work(
    project: Path, change: str, message: str
) -> None:
    assert message in refused(snakemake(project, *MINI, "--config", change))
    assert not list(project.glob("results/mini/*/*/run.json"))


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
        # two learning rates to choose from
        {"transfer_trial": 2, "answer_trial": 2, "judge_trial": 2, "choose_learning_rate": 1}
    )
