"""Every stage is killed once; run again, the study ends with the tables of an undisturbed run."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from faults import NOT_STAGES, SCRIPTS, SMALL, Hunter, assert_alike, jobs_in
from projects import call, environment, snakemake

pytestmark = pytest.mark.study

TRANSFER = "results/mini/cells/mini/facts/sft/default/seed0/transfer/run.json"
# a training run of several seconds, so that it can be killed midway
LONG = ("--config", "methods={sft: {searched: false, optimisation: {epochs: 200, learning_rate: 1.0e-3}}}")


BOTH = pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)


@BOTH
def test_every_stage_killed_once_is_done_by_its_next_try(
    number: signal.Signals, project: Path, undisturbed: Path
) -> None:
    with Hunter(project, number) as hunter:
        ended = snakemake(project, *SMALL, "--retries", "1", "--printshellcmds")
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    ran = {
        name for name in SCRIPTS if f"python scripts/{name}.py" in str(ended.stderr) or name in hunter.killed
    }
    assert hunter.killed >= ran - NOT_STAGES
    assert {
        "prepare_model",
        "transfer_knowledge",
        "generate_answers",
        "judge_answers",
        "execute_notebook",
    } <= hunter.killed
    assert_alike(project, undisturbed)
    verified = call(project, "python", "scripts/verify_results.py", "--config", SMALL[1])
    assert verified.returncode == 0, verified.stderr


def meet_training(folder: Path, running: "subprocess.Popen[bytes]") -> int:
    """Wait for a checkpoint of the transfer's training; returns its process."""
    checkpoint = folder / "results/mini/checkpoints/cells/mini/facts/sft/default/seed0/state.json"
    end = time.monotonic() + 200
    while time.monotonic() < end and running.poll() is None:
        found = [pid for pid, name in jobs_in(folder).items() if name == "transfer_knowledge"]
        if found and checkpoint.is_file():
            return found[0]
        time.sleep(0.02)
    raise AssertionError("no training was met")


@BOTH
def test_a_long_training_goes_on_from_its_checkpoint_to_the_same_bytes(
    number: signal.Signals, project: Path, tmp_path: Path
) -> None:
    command = ["snakemake", "--cores", "2", TRANSFER, *SMALL, *LONG]
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen(command, cwd=project, env=environment(project), stdout=log, stderr=log)
        os.kill(meet_training(project, running), number)
        assert running.wait(timeout=100) == 1
    said = (project / "results/mini/logs/cells/mini/facts/sft/default/seed0/transfer.log").read_text()
    assert ("stopped by SIGTERM after step" in said) == (number == signal.SIGTERM)
    assert not (project / TRANSFER).exists()
    ended = snakemake(project, TRANSFER, *SMALL, *LONG, "--printshellcmds")
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "resumed at step" in ended.stdout + ended.stderr
    first = {path.name: path.read_bytes() for path in (project / TRANSFER).parent.glob("*.safetensors")}
    assert first
    (project / TRANSFER).unlink()
    again = snakemake(project, TRANSFER, *SMALL, *LONG, "--printshellcmds")
    assert again.returncode == 0 and "resumed" not in again.stdout + again.stderr
    assert first == {
        path.name: path.read_bytes() for path in (project / TRANSFER).parent.glob("*.safetensors")
    }
