"""Every hostile program runs under each isolation that this machine supports.

One sandbox judges them all, so that a program that breaks it for the next one is noticed too.
"""

from collections.abc import Callable, Iterator

import pytest

from semalign.evaluation.sandbox import Limits, Verdict
from semalign.evaluation.sandbox.isolation import STRONG
from semalign.evaluation.sandbox.judge import Judge, trial

Run = Callable[..., Verdict]


@pytest.fixture(params=STRONG, scope="session")
def limits(request: pytest.FixtureRequest) -> Limits:
    """Tight limits, so that programs that exceed them end soon."""
    if reason := trial(request.param):
        pytest.skip(f"{request.param}: {reason}")
    return Limits(
        isolation=request.param,
        wall_seconds=2,
        cpu_seconds=2,
        memory_mb=192,
        processes=6,
        file_mb=2,
        output_kb=64,
    )


@pytest.fixture(scope="session")
def judge(limits: Limits) -> Iterator[Judge]:
    """The sandbox that judges all programs of this isolation."""
    with Judge(limits.isolation, limits) as judge:
        yield judge


@pytest.fixture
def run(judge: Judge) -> Run:
    """Judge one program by these tests; afterwards a harmless program must still pass."""

    def run(code: str, *tests: str) -> Verdict:
        verdict = judge.run(code, list(tests))
        after = judge.run("def f(x): return 4", ["assert f(2) == 4"])
        assert after.status == "passed", after
        return verdict

    return run
