"""A short profile of a site keeps what the cluster's profile requests; later profiles win name by name."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from semalign.runtime.cluster_resources import merge_defaults, merge_rules

SHIPPED = yaml.safe_load((Path(__file__).parents[3] / "slurm/config.yaml").read_text())
DEFAULTS, RULES = SHIPPED["default-resources"], SHIPPED["set-resources"]


def test_a_site_that_sets_account_and_partition_keeps_memory_time_cores_and_signal() -> None:
    site = {"slurm_account": "a", "slurm_partition": "gpu"}
    assert merge_defaults([DEFAULTS, site]) == DEFAULTS | site
    assert merge_defaults([DEFAULTS, ["slurm_account=a", "slurm_partition=gpu"]]) == DEFAULTS | site


@pytest.mark.parametrize(
    ("site", "changed"),
    [
        ({"runtime": 30}, {"runtime": 30}),
        ({"mem_mb_per_cpu": 500}, {"mem_mb": None, "mem_mb_per_cpu": 500}),
        ({"mem": "4GB"}, {"mem_mb": None, "mem": "4GB"}),
        ({"runtime": None}, {"runtime": None}),
        ({"slurm_extra": "--qos=high"}, {"slurm_extra": "'--qos=high --signal=TERM@120'"}),
        ({"slurm_extra": "'--qos=high'"}, {"slurm_extra": "'--qos=high --signal=TERM@120'"}),
        ({"slurm_extra": "'--signal=TERM@600'"}, {"slurm_extra": "'--signal=TERM@600'"}),
    ],
)
def test_what_a_site_sets_wins(site: dict[str, Any], changed: dict[str, Any]) -> None:
    expected = {name: value for name, value in (DEFAULTS | changed).items() if value is not None}
    assert merge_defaults([DEFAULTS, site]) == expected


def test_resources_of_single_rules_are_merged_as_well() -> None:
    merged = merge_rules([RULES, {"transfer_knowledge": {"mem_mb": 9000}, "generate_answers": {"gpu": 2}}])
    assert merged["transfer_knowledge"] == RULES["transfer_knowledge"] | {"mem_mb": 9000}
    assert merged["generate_answers"] == {"mem_mb": 64000, "runtime": 480, "gpu": 2}
    assert merged["align_states"] == RULES["align_states"]
    on_cpu = merge_rules([RULES, {"transfer_knowledge": {"gres": None}}])
    assert "gres" not in on_cpu["transfer_knowledge"]
    assert merge_rules([["a:mem_mb=1", "a:gres=gpu:1"], ["a:mem_mb=2"]]) == {
        "a": {"gres": "gpu:1", "mem_mb": 2}
    }
