"""The target `retrieve`, which downloads on a login node, and planning of large studies."""

import pstats
import sys
from pathlib import Path

import pytest
from projects import call, planned, snakemake
from test_workflow import refused

from semalign.benchmarks import registry

COMMIT = "0" * 40
HUB = f"models={{far: {{source: hub, repository: org/name, revision: '{COMMIT}'}}, near: {{source: tiny}}}}"
BASE = ("--config", "study=s", HUB)
LARGEST = "config/tiny-full.yaml"


def test_retrieve_prepares_only_what_the_code_does_not_generate(project: Path) -> None:
    ended = snakemake(project, "retrieve", "--dry-run", *BASE)
    assert planned(ended) == {"retrieve": 1, "prepare_model": 1}
    assert "model far: prepare" in ended.stdout and "model near" not in ended.stdout


def test_retrieve_does_not_prune_models(project: Path) -> None:
    ended = snakemake(project, "retrieve", "--dry-run", "--configfile", "config/pruned.yaml")
    assert planned(ended) == {"retrieve": 1, "prepare_model": 1, "prepare_benchmark": 2}
    assert "model smollm2-pruned" not in ended.stdout and "contains double" not in ended.stdout + ended.stderr


def test_an_unpinned_model_can_be_planned_but_not_run(project: Path) -> None:
    config = ("--config", "study=s", "models={far: {source: hub, repository: org/name, revision: locked}}")
    assert planned(snakemake(project, "retrieve", "--dry-run", *config))["prepare_model"] == 1
    message = refused(snakemake(project, "retrieve", *config))
    assert "model org/name: no commit in config/revisions.lock" in message and "pin_revisions.py" in message


def test_without_a_connection_the_job_says_what_to_do(project: Path) -> None:
    ended = snakemake(project, "retrieve", *BASE)
    output = ended.stdout + ended.stderr
    assert ended.returncode == 1 and "run `snakemake --cores 4 retrieve --configfile" in output
    assert "Traceback" not in output


def test_the_device_of_the_config_reaches_the_jobs(project: Path) -> None:
    code = (
        "import os\nos.environ.pop('SEMALIGN_DEVICE', None)\nfrom semalign.runtime.script import prepare_environment\n"
        "prepare_environment(False)\nassert 'SEMALIGN_DEVICE' not in os.environ\n"
        "prepare_environment(False, 'cpu')\nprint(os.environ['SEMALIGN_DEVICE'])"
    )
    assert call(project, sys.executable, "-c", code).stdout.strip() == "cpu"


@pytest.mark.skipif(
    not hasattr(registry, "PUBLISHED"), reason="the published benchmarks are not in this tree"
)
@pytest.mark.parametrize("name", ["llama2", "qwen3", "smollm2"])
def test_a_config_of_large_models_can_be_planned(project: Path, name: str) -> None:
    jobs = planned(snakemake(project, "--dry-run", "--configfile", f"config/{name}.yaml"))
    assert jobs["transfer_knowledge"] > 100
    fetched = planned(snakemake(project, "retrieve", "--dry-run", "--configfile", f"config/{name}.yaml"))
    assert set(fetched) == {"retrieve", "prepare_model", "prepare_benchmark"}


def test_the_largest_study_is_planned_in_few_steps(project: Path, tmp_path: Path) -> None:
    """Function calls per job are counted (20,000), since their number does not depend on the load of the machine.

    `python -m bench --only study` measures the seconds.
    """
    profile = tmp_path / "profile"
    profiled = (sys.executable, "-m", "cProfile", "-o", str(profile), "-m", "snakemake", "--cores", "2")
    jobs = planned(call(project, *profiled, "--dry-run", "--configfile", LARGEST))
    assert jobs["all"] == 1 and jobs["transfer_knowledge"] > 200
    assert pstats.Stats(str(profile)).total_calls < 25_000 * sum(jobs.values())
