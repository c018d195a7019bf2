"""Verdicts on programs in the sandbox, against a new interpreter per program, which isolates nothing."""

import subprocess
import sys

from bench.subject import Case, Check, Goal, Sides, Size, Subject
from semalign.config.sandbox import SandboxLimits
from semalign.config.tiny import TinyBenchmark
from semalign.evaluation.sandbox.judge import Program, run_many


def fresh_interpreters(programs: list[Program], seconds: float) -> list[bool]:
    """Whether each program passes its tests, one after the other."""
    passed = []
    for code, tests, *_ in programs:
        text = "\n".join([code, *tests])
        try:
            ended = subprocess.run(
                [sys.executable, "-c", text], capture_output=True, timeout=seconds, check=False
            )
            passed.append(ended.returncode == 0)
        except subprocess.TimeoutExpired:
            passed.append(False)
    return passed


def build(size: Size, device: str) -> Sides:
    """The sides with reference answers of the embedded synthesis benchmark, every third of which is broken."""
    from semalign.benchmarks.registry import build_benchmark

    sizes = TinyBenchmark(train=1, extract=1, align=1, validation=1, test=size["programs"])
    items = build_benchmark("synthesis", sizes)["test"]
    programs: list[Program] = [
        (f"{item.prefix}{item.answer}" + ("\nraise ValueError" if at % 3 == 2 else ""), item.tests or [])
        for at, item in enumerate(items)
    ]
    limits = SandboxLimits()

    def ours() -> list[bool]:
        return [verdict.status == "passed" for verdict in run_many(programs, limits, workers=1)]

    def check(mine: list[bool], theirs: list[bool]) -> Check:
        wrong = sum(a != b for a, b in zip(mine, theirs, strict=True))
        return Check("verdicts that differ", float(wrong + (not any(mine))), 0)

    others = limits.wall_seconds
    return Sides(ours, lambda: fresh_interpreters(programs, others), check, work=size["programs"])


GOAL = Goal(rate=20)
SUBJECT = Subject(
    "verdicts on code",
    "a new interpreter per program, without a sandbox",
    {
        "cpu": (Case("synthesis", {"programs": 120}, 3, memory=False, goal=GOAL),),
        "quick": (Case("pico", {"programs": 3}, 1, memory=False),),
    },
    build,
    unit="verdicts",
)
