"""Runs on the cluster, and the state of their jobs in its queue."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from cluster import Cluster
from faults import SMALL
from projects import environment

COMMAND = ("snakemake", "--cores", "all", "--profile", "slurm", "--profile")


@dataclass(frozen=True)
class Job:
    """A line of the queue; `rule` is the comment that Snakemake adds to the job."""

    number: str
    state: str
    gres: str
    megabytes: int
    limit: str
    rule: str


def jobs(cluster: Cluster) -> list[Job]:
    """All jobs that the controller remembers, in the order of their numbers."""
    lines = cluster.call("squeue", "--noheader", "--states=all", "--sort=i", "--format=%i|%T|%b|%m|%l|%k")
    return [_job(*line.split("|")) for line in lines.splitlines()]


def _job(number: str, state: str, gres: str, memory: str, limit: str, comment: str) -> Job:
    megabytes = round(float(memory[:-1]) * {"M": 1, "G": 1024}[memory[-1]])
    rule = comment.split("_wildcards")[0].removeprefix("rule_")
    return Job(number, state, gres.removeprefix("gres:"), megabytes, limit, rule)


class Running:
    """A run of the small study on the cluster, in the background."""

    def __init__(self, cluster: Cluster, folder: Path, *arguments: str) -> None:
        self.cluster, self.log = cluster, folder.parent / "snakemake.log"
        words = [*COMMAND, str(folder / "site"), *arguments, *SMALL]
        set_up = environment(folder)
        set_up["PATH"] = f"{cluster.folder / 'bin'}{os.pathsep}{set_up['PATH']}"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                words, cwd=folder, env=set_up, stdout=log, stderr=subprocess.STDOUT
            )

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: "type[BaseException] | BaseException | TracebackType | None") -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            self.cluster.cancel_all()

    def said(self) -> str:
        return self.log.read_text()

    def end(self, seconds: float) -> int:
        """Wait for the end; returns the exit status."""
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running: {jobs(self.cluster)}\n{self.said()[-3000:]}") from None

    def meet(self, rule: str, file: Path | None = None, seconds: float = 300) -> Job:
        """Wait until a job of a rule runs, and until one of its files exists."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            running = [job for job in jobs(self.cluster) if (job.rule, job.state) == (rule, "RUNNING")]
            if running and (file is None or file.is_file()):
                return running[0]
            time.sleep(0.2)
        raise AssertionError(f"no job of {rule} was met: {jobs(self.cluster)}\n{self.said()[-3000:]}")
