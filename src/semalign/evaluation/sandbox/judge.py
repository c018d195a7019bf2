"""Judging programs that a model wrote: `run_program` for one, `run_many` for many."""

import functools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from semalign.config.sandbox import SandboxLimits
from semalign.evaluation.sandbox import isolation as isolations
from semalign.evaluation.sandbox.verdict import Status, Verdict
from semalign.evaluation.sandbox.worker import Worker, WorkerLost
from semalign.runtime.errors import UserError

Program = tuple[str, list[str]] | tuple[str, list[str], str | None]
"""Code, tests and, optionally, the entry point."""

_PROBE = """
def breaches():
    import os, socket
    gaps = []
    for path in ("/etc/passwd", "/etc/hosts", "/proc/self/environ"):
        try:
            open(path).close()
            gaps.append(path)
        except OSError:
            pass
    try:
        os.close(os.open("/usr/written", os.O_CREAT | os.O_WRONLY))
        gaps.append("/usr/written")
    except OSError:
        pass
    try:
        with socket.socket() as connection:
            connection.connect(("127.0.0.1", 9))
            gaps.append("network")
    except ConnectionRefusedError:
        gaps.append("network")
    except OSError:
        pass
    return gaps
"""


@functools.cache
def trial(isolation: str) -> str | None:
    """Try an isolation with a program that looks for gaps; returns None if it holds, else the reason why not."""
    if (obstacle := isolations.obstacle(isolation)) is not None:
        return obstacle
    try:
        with Worker(isolation, SandboxLimits()) as worker:
            verdict = worker.run(_PROBE, ["assert breaches() == []"], None)
    except (WorkerLost, MemoryError, OSError) as error:
        return str(error) or type(error).__name__
    return None if verdict.status == "passed" else f"{verdict.status}: {verdict.detail}"


def choose(limits: SandboxLimits) -> str:
    """Choose the isolation to use: the strongest that works, or the one that the limits name.

    Raises UserError if none works and `allow_weak_isolation` is not set.
    """
    wanted = isolations.STRONG if limits.isolation == "auto" else (limits.isolation,)
    reasons = []
    for isolation in wanted:
        reason = trial(isolation)
        if reason is None:
            return isolation
        reasons.append(f"{isolation}: {reason}")
    if limits.allow_weak_isolation:
        return "weak"
    raise UserError(
        f"sandbox: {isolations.machine()} can't isolate model-written code ({'; '.join(reasons)}); expected "
        f"bubblewrap, user namespaces or seccomp, or allow_weak_isolation: true to run it without"
    )


def run_program(
    code: str, tests: list[str], limits: SandboxLimits, entry_point: str | None = None
) -> Verdict:
    """Judge one program: run `tests` (assert statements, or definitions and a call) against `code`.

    The tests run in another process than the code and call it remotely; see `run_many`.
    Raises UserError like `choose`.
    """
    return run_many([(code, tests, entry_point)], limits, workers=1)[0]


def run_many(programs: list[Program], limits: SandboxLimits, workers: int) -> list[Verdict]:
    """Judge programs in `workers` sandboxes at a time; the verdicts are in the programs' order.

    A name that the tests use and don't bind is looked up in the program, except built-in names; `entry_point`
    is looked up even if it is a built-in's name. Plain values cross between program and tests. An iterator or an
    object of a class crosses by reference: the tests can use it but not compare it.

    Raises UserError like `choose`.
    """
    isolation = choose(limits)
    verdicts: list[Verdict | None] = [None] * len(programs)
    waiting = iter(enumerate(programs))
    lock = threading.Lock()

    def next_programs() -> Iterator[tuple[int, Program]]:
        while True:
            with lock:
                item = next(waiting, None)
            if item is None:
                return
            yield item

    def work() -> None:
        with Judge(isolation, limits) as judge:
            for index, (code, tests, *entry_point) in next_programs():
                verdicts[index] = judge.run(code, tests, entry_point[0] if entry_point else None)

    threads = max(1, min(workers, len(programs)))
    with ThreadPoolExecutor(threads) as pool:
        for part in [pool.submit(work) for _ in range(threads)]:
            part.result()
    return [verdict for verdict in verdicts if verdict is not None]


class Judge:
    """One worker, replaced when a program has broken it; a context manager for use in one thread."""

    def __init__(self, isolation: str, limits: SandboxLimits) -> None:
        self._isolation = isolation
        self._limits = limits
        self._worker: Worker | None = None

    def __enter__(self) -> "Judge":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._worker:
            self._worker.close()
        self._worker = None

    def _start(self) -> Worker:
        try:
            return Worker(self._isolation, self._limits)
        except WorkerLost as error:
            raise UserError(f"sandbox: {self._isolation} does not start: {error}") from None

    def run(self, code: str, tests: list[str], entry_point: str | None = None) -> Verdict:
        """Judge one program; try once more if the sandbox was lost meanwhile.

        Raises UserError if no sandbox starts.
        """
        start = time.monotonic()
        status: Status = "error"
        detail = ""
        for _ in range(2):
            self._worker = self._worker or self._start()
            try:
                return self._worker.run(code, tests, entry_point)
            except MemoryError:
                status = "memory"
                detail = f"more than {self._limits.memory_mb} MB in all"
            except WorkerLost as error:
                detail = f"the sandbox was lost: {error}"
            self._close()
            if status == "memory":
                break
        return Verdict(status, detail, time.monotonic() - start, isolations.in_words(self._isolation))
