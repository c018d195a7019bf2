"""Only the profile `slurm` sets what jobs request from a cluster, for every rule, and it explains its keys."""

import re
from pathlib import Path

import pytest
import yaml

from semalign.study.definition import load_study
from semalign.study.planning.study import Job, Plan
from semalign.study.planning.work import DEVICES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "slurm/config.yaml").read_text()
PROFILE = yaml.safe_load(TEXT)
RULES = "".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
# the rules that load a model onto a GPU
ON_GPU = re.compile(
    r"attribute_|pair_|extract_|store_|select_|locate_|recompose_|read_|solve_|transfer_|generate_|answer_|measure_"
    r"|widen_"
)


def rule_names() -> set[str]:
    named = re.findall(r"^rule (\w+):", RULES, re.MULTILINE)
    derived = re.findall(r"^use rule \w+ as (\w+) with:", RULES, re.MULTILINE)
    return {*named, *derived}


def test_no_rule_says_itself_what_it_asks_of_a_cluster() -> None:
    assert not re.search(r"mem_mb|\bruntime\s*[=:]|\bgres|gpu", RULES)


def test_every_rule_that_loads_a_model_asks_for_a_gpu_memory_and_time() -> None:
    asked = PROFILE["set-resources"]
    assert asked.keys() <= rule_names()
    on_gpu = {name for name in rule_names() if ON_GPU.match(name)}
    assert on_gpu == {name for name, wants in asked.items() if "gres" in wants}
    assert all({"mem_mb", "runtime"} <= wants.keys() for wants in asked.values())
    assert {"mem_mb", "runtime", "cpus_per_task"} <= PROFILE["default-resources"].keys()


def rule_of(job: Job) -> str:
    """The name of the rule of a row of the cost table."""
    told = {"score cells": "generate_answers", "score trials": "answer_trial"}
    told |= {"score ranking": "answer_validation"}
    return told.get(job.rule) or re.split("[: ]", job.rule)[0]


@pytest.mark.parametrize("study", ["llama2", "qwen3", "smollm2"])
def test_the_largest_studies_get_twice_the_time_and_memory_that_is_predicted(study: str) -> None:
    plan = Plan(load_study(ROOT / f"config/{study}.yaml"), DEVICES["a100"])
    for job in plan.jobs():
        asked = PROFILE["default-resources"] | PROFILE["set-resources"][rule_of(job)]
        assert 60 * asked["runtime"] >= 2 * job.seconds, job
        # weights pass through host memory; a job without a GPU has its whole peak there
        held = job.peak.weights if "gres" in asked else job.peak.total
        assert 1e6 * asked["mem_mb"] >= 2 * held, job
        assert job.peak.total < 80e9 / 1.5, job


def test_every_key_is_explained() -> None:
    lines = TEXT.splitlines()
    for number, line in enumerate(lines):
        if re.match(r"(  )?[a-z_-]+:", line) and "{" not in line:
            above = [other for other in lines[:number] if other.strip()][-1]
            assert above.lstrip().startswith("#"), line
