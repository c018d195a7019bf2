"""The jobs of a run: which have finished, which are running, what these are doing, and how long the rest will take."""

import re
import shutil
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 2.0  # seconds after which the log of a job is shown
KNOWN = 5  # number of finished jobs needed to estimate the time left
TAIL = 20_000  # bytes at the end of a log that are searched for a line
ERROR = "error: "
STEP = re.compile(r"\d+/\d+ \(\d+ %\)")  # in a line about progress
FULL = "the disk is full, even for its log; free some space and start again"
ROOM = 1 << 16  # bytes; a disk with less is full
LOST = "ended without a message (killed, or out of memory?)"
# how a job's shell begins the line about a script that was killed (workflow/rules/common.smk)
KILLED = "killed by signal "


@dataclass
class Job:
    """A job that was started: its task, its rule, its log, and when it started."""

    message: str
    rule: str
    log: str | None
    started: float = field(default_factory=time.time)

    def latest_line(self) -> str:
        """The last line of its log; empty if the job has just started or has not written a line."""
        if time.time() - self.started < PATIENCE:
            return ""
        lines = _tail(self.log, since=self.started)
        return lines[-1] if lines else ""

    def error(self) -> str:
        """The line of its log that says why it failed."""
        if errors := reasons(self.log, since=self.started):
            more = f" (and {len(errors) - 1} more in the log)" if len(errors) > 1 else ""
            return errors[0] + more
        lines = _tail(self.log, since=self.started)
        if not lines:
            return FULL if _is_full(self.log) else LOST
        # how far a job had come that was killed, or the last line of an interpreter that could not start
        return f"{LOST}, after: {lines[-1]}" if STEP.search(lines[-1]) else lines[-1]


def _is_full(log: str | None) -> bool:
    """Whether the disk of a log has no room for a line."""
    try:
        return bool(log) and shutil.disk_usage(Path(str(log)).parent).free < ROOM
    except OSError:
        return False


class Progress:
    """Jobs by state, and how long those that have finished took."""

    def __init__(self, totals: dict[str, int]) -> None:
        self.totals = Counter(totals)
        self.total = self.totals.total()
        self.done: Counter[str] = Counter()
        self.seconds: dict[str, float] = defaultdict(float)
        self.running: dict[int, Job] = {}
        self.failed: dict[int, tuple[Job, str]] = {}
        self.started = time.time()

    def start(self, number: int, job: Job) -> None:
        self.running[number] = job
        self.failed.pop(number, None)  # tried again

    def finish(self, number: int) -> Job | None:
        """Record that a job finished; returns it if its start was seen."""
        if job := self.running.pop(number, None):
            self.done[job.rule] += 1
            self.seconds[job.rule] += time.time() - job.started
        return job

    def fail(self, number: int) -> tuple[Job, str] | None:
        """Record that a job failed; returns it and the reason."""
        if job := self.running.pop(number, None):
            self.failed[number] = job, job.error()
        return self.failed.get(number)

    def seconds_left(self) -> float | None:
        """Seconds that the remaining jobs will take; None if too few have finished to tell.

        A job is assumed to take the mean time of its rule or, if none of its rule has finished, the median of all
        rules. Jobs are assumed to run in parallel as they did so far.
        """
        if self.done.total() < KNOWN:
            return None
        means = {rule: self.seconds[rule] / number for rule, number in self.done.items()}
        usual = statistics.median(means.values())
        elapsed = max(1e-3, time.time() - self.started)
        ages = [(job.rule, time.time() - job.started) for job in self.running.values()]
        busy = (sum(self.seconds.values()) + sum(age for _, age in ages)) / elapsed
        work = sum(
            (number - self.done[rule]) * means.get(rule, usual) for rule, number in self.totals.items()
        )
        work -= sum(min(age, means.get(rule, usual)) for rule, age in ages)
        return max(0.0, work) / max(1.0, busy)

    def status(self) -> str:
        """`121 of 496 jobs (24 %), about 3 min left`, and what the job that runs longest is doing."""
        done, total = self.done.total(), self.total
        text = f"{done} of {total} jobs ({100 * done // max(1, total)} %)"
        if self.failed:
            text += f", {len(self.failed)} failed"
        if (left := self.seconds_left()) is not None:
            text += f", about {span(max(10.0, left))} left"
        longest = sorted(self.running.values(), key=lambda job: job.started)
        lines = (line for job in longest if (line := job.latest_line()))
        current = next(lines, longest[0].message if longest else "")
        return f"{text} | {current}" if current else text


def reasons(log: str | None, since: float) -> list[str]:
    """The lines of a job's log that say why it failed, without their beginning; none if nothing could say it."""
    lines = _tail(log, since)
    return [line.removeprefix(ERROR) for line in lines if line.startswith(ERROR)]


def gave_reason(logs: Iterable[str], since: float) -> bool:
    """Whether a job ended by itself and said why, so that another try would end in the same way."""
    lines = (line for log in logs for line in reasons(log, since))
    return any(not line.startswith(KILLED) for line in lines)


def span(seconds: float) -> str:
    """A time in the unit that fits: `0.8 s`, `12 s`, `3 min`, `1 h 20 min`."""
    if seconds < 9.5:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def _tail(log: str | None, since: float) -> list[str]:
    """The last lines of a log, without empty ones; none if it has not been written to since that time."""
    try:
        path = Path(log or "")
        if path.stat().st_mtime < since - 1:  # an earlier run's
            return []
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]
