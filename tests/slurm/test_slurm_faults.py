"""Faults of a cluster: a time limit, a cancellation, a node that goes down, daemons that die.

Run again, a training resumes from its checkpoint, and its weights are those of an undisturbed run, byte for byte.
"""

import signal
import time
from pathlib import Path

import pytest
from cluster import NODE, Cluster
from faults import SMALL, Hunter, assert_alike
from projects import snakemake
from runs import Job, Running, jobs

pytestmark = [pytest.mark.slurm, pytest.mark.study]

CELL = "cells/mini/facts/sft/default/seed0"
TARGET = f"results/mini/{CELL}/transfer/run.json"
MAIN = "results/mini/tables/main.csv"
# a training run of a minute or more, so that it can be interrupted several times
LONG = ("--config", "methods={sft: {optimisation: {epochs: 3000}}}", "search={learning_rates: []}")


def meet_training(run: Running, folder: Path, after: set[str]) -> Job:
    """Wait for a new job of the training, and for a checkpoint that it wrote."""
    state = folder / f"results/mini/checkpoints/{CELL}/state.json"
    began, met = time.time(), {}
    while True:
        job = run.meet("transfer_knowledge")
        assert time.time() < began + 300, run.said()[-3000:]
        since = met.setdefault(job.number, time.time())
        if job.number not in after and state.is_file() and state.stat().st_mtime > since:
            return job
        time.sleep(0.2)


def test_a_training_survives_time_limit_cancellation_and_a_lost_node(
    cluster: Cluster, project: Path, tmp_path: Path
) -> None:
    met: set[str] = set()
    log = project / f"results/mini/logs/{CELL}/transfer.log"
    with Running(cluster, project, TARGET, *LONG) as run:
        # a job is signalled two minutes before its limit: at once, if the limit is two minutes
        job = meet_training(run, project, met)
        met.add(job.number)
        cluster.call("scontrol", "update", f"jobid={job.number}", "timelimit=2")
        cluster.wait(lambda: "stopped by SIGTERM after step" in log.read_text(), "no checkpoint at the limit")

        job = meet_training(run, project, met)
        assert "resumed at step" in log.read_text()
        met.add(job.number)
        cluster.call("scancel", job.number)

        job = meet_training(run, project, met)
        assert "resumed at step" in log.read_text()
        cluster.call("scontrol", "update", f"nodename={NODE}", "state=down", "reason=test")
        cluster.wait(
            lambda: (
                f"{job.number} RUNNING" not in [f"{other.number} {other.state}" for other in jobs(cluster)]
            ),
            "a job on a lost node",
        )
        # the node may be available again already
        cluster.call("scontrol", "update", f"nodename={NODE}", "state=resume", check=False)
        cluster.wait(lambda: "down" not in cluster.state(), "the node does not come back")

        assert run.end(900) == 0, run.said()[-4000:]
    assert "resumed at step" in log.read_text()
    assert_undisturbed(project)


def test_a_training_survives_a_kill_without_a_word_and_daemons_that_die(
    cluster: Cluster, project: Path, tmp_path: Path
) -> None:
    met: set[str] = set()
    log = project / f"results/mini/logs/{CELL}/transfer.log"
    with Running(cluster, project, TARGET, *LONG) as run:
        # the effect of a time limit if SIGTERM is ignored
        job = meet_training(run, project, met)
        met.add(job.number)
        cluster.call("scancel", "--signal=KILL", "--full", job.number)

        # jobs survive without their node's daemon, and without a controller
        job = meet_training(run, project, met)
        assert "resumed at step" in log.read_text()
        cluster.kill("slurmctld")
        time.sleep(5)
        cluster.start_controller()
        cluster.kill("slurmd")
        cluster.start_node()
        assert job.number in cluster.jobs()

        # a drained node finishes its jobs, and accepts new ones after it is resumed
        cluster.call("scontrol", "update", f"nodename={NODE}", "state=drain", "reason=test")
        assert run.meet("transfer_knowledge").number == job.number
        cluster.call("scontrol", "update", f"nodename={NODE}", "state=resume")

        assert run.end(900) == 0, run.said()[-4000:]
    assert_undisturbed(project)


def test_every_stage_killed_once_is_done_by_its_next_try(
    cluster: Cluster, project: Path, local: Path
) -> None:
    with Hunter(project, signal.SIGKILL) as hunter, Running(cluster, project, MAIN) as run:
        assert run.end(1800) == 0, run.said()[-4000:]
    assert {"prepare_model", "transfer_knowledge", "generate_answers", "judge_answers"} <= hunter.killed
    assert_alike(project, local, whole=False)


def assert_undisturbed(project: Path) -> None:
    """Assert that the transfer has the same bytes as one from an uninterrupted run on this machine."""
    local = project.parent / "local"
    project.rename(local)
    kept = {path.name: path.read_bytes() for path in (local / TARGET).parent.glob("*.safetensors")}
    (local / TARGET).unlink()
    ended = snakemake(local, TARGET, *SMALL, *LONG, "--printshellcmds")
    assert ended.returncode == 0 and "resumed" not in ended.stdout + ended.stderr
    assert kept == {path.name: path.read_bytes() for path in (local / TARGET).parent.glob("*.safetensors")}
    assert kept
