"""The small study on a real Slurm: jobs request what the profile says, tables are those of a local run."""

from pathlib import Path

import pytest
import yaml
from cluster import Cluster
from faults import assert_alike
from projects import ROOT
from runs import Running, jobs

pytestmark = [pytest.mark.slurm, pytest.mark.study]

# every stage on the way to the tables, which takes minutes on a cluster of one node
TARGET = "results/mini/tables/main.csv"


def test_a_run_through_slurm_makes_the_tables_of_a_local_run(
    cluster: Cluster, project: Path, local: Path
) -> None:
    before = jobs(cluster)
    with Running(cluster, project, TARGET) as run:
        assert run.end(1800) == 0, run.said()[-4000:]
    assert_alike(project, local, whole=False)
    done = {job.rule: job for job in jobs(cluster)[len(before) :]}
    assert {job.state for job in done.values()} == {"COMPLETED"}
    profile = yaml.safe_load((ROOT / "slurm/config.yaml").read_text())
    for rule, job in done.items():
        asked = profile["default-resources"] | profile["set-resources"].get(rule, {})
        hours, minutes = divmod(asked["runtime"], 60)
        limits = (f"{hours}:{minutes:02}:00", f"{minutes}:00")
        assert job.gres == asked.get("gres", "N/A"), job
        assert job.megabytes == asked["mem_mb"], job
        assert job.limit in limits, job
