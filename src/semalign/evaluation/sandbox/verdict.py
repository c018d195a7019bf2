"""The verdict on one program, decided outside the processes that ran it."""

import signal
from dataclasses import dataclass
from typing import Any, Literal, get_args

from semalign.config.sandbox import SandboxLimits

Status = Literal["passed", "failed", "timeout", "memory", "output", "forged", "error"]


@dataclass(frozen=True)
class Verdict:
    """The outcome of one program.

    `status` is "passed" if all tests passed; "failed" if an assertion failed, an exception was raised or the program
    ended early; "timeout", "memory" or "output" if it exceeded that limit; "forged" if an answer was not written by the
    sandbox; "error" if the tests could not judge it (a value that can't cross, a broken test). `detail` is one short
    line, `seconds` the wall time, `isolation` the isolation that was in force.
    """

    status: Status
    detail: str
    seconds: float
    isolation: str


def decide(report: dict[str, Any] | None, end: dict[str, Any], limits: SandboxLimits) -> tuple[Status, str]:
    """Status and detail, from the tester's report (None if it sent none) and the zygote's report on how both ended."""
    if end["cause"] == "wall":
        return "timeout", f"more than {limits.wall_seconds:g} s"
    if end["cause"] == "output":
        return "output", f"printed more than {limits.output_kb} KB"
    if report is None:
        return _ended(end["tester"], limits, "the tests' process")
    if report["status"] == "gone":
        return _ended(end["candidate"], limits, "the program")
    if report["status"] not in get_args(Status):
        return "error", "the tests' process sent an unknown status"
    if report["status"] == "failed" and report["detail"].startswith("MemoryError"):
        return "memory", report["detail"]
    return report["status"], report["detail"]


def _ended(how: list[float] | None, limits: SandboxLimits, who: str) -> tuple[Status, str]:
    if how is None:
        return "error", f"{who} was never started"
    status = int(how[0])
    seconds = how[1]
    number = status & 0x7F
    if number in (signal.SIGKILL, signal.SIGXCPU) and seconds >= limits.cpu_seconds - 0.5:
        return "timeout", f"more than {limits.cpu_seconds} s of processor time"
    if number:
        return "failed", f"{who} was killed by signal {number}"
    return "failed", f"{who} exited before the tests had finished (exit status {status >> 8})"
