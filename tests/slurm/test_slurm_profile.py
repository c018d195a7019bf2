"""The profile `slurm` alone says what jobs ask of a cluster, for every rule there is, and explains its keys."""

import re
from pathlib import Path

import yaml

from semalign.methods.registry import METHOD_STAGES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "slurm/config.yaml").read_text()
PROFILE = yaml.safe_load(TEXT)
RULES = "".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
# those that load a model
ON_GPU = re.compile(r"attribute_|pair_|extract_|align_|signal_|transfer_|generate_|answer_|measure_")


def rule_names() -> set[str]:
    named = re.findall(r"^rule (\w+):", RULES, re.MULTILINE) + re.findall(
        r"^use rule \w+ as (\w+) with:", RULES, re.MULTILINE
    )
    return {*named, *(f"signal_{stage}" for stage in METHOD_STAGES)}


def test_no_rule_says_itself_what_it_asks_of_a_cluster() -> None:
    assert not re.search(r"mem_mb|runtime|gres|gpu", RULES)


def test_every_rule_that_loads_a_model_asks_for_a_gpu_memory_and_time() -> None:
    asked = PROFILE["set-resources"]
    assert asked.keys() <= rule_names()
    on_gpu = {name for name in rule_names() if ON_GPU.match(name)}
    assert on_gpu == {name for name, wants in asked.items() if "gres" in wants}
    assert all({"mem_mb", "runtime"} <= wants.keys() for wants in asked.values())
    assert {"mem_mb", "runtime", "cpus_per_task"} <= PROFILE["default-resources"].keys()


def test_every_key_is_explained() -> None:
    lines = TEXT.splitlines()
    for number, line in enumerate(lines):
        if re.match(r"(  )?[a-z_-]+:", line) and "{" not in line:
            above = [other for other in lines[:number] if other.strip()][-1]
            assert above.lstrip().startswith("#"), line
