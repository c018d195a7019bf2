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
"""Code, tests and, where told, the entry point."""

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
    """Try an isolation with a program that looks for gaps; returns None where it holds, else why not."""
    if not isolations.conceivable(isolation):
        return "not on this machine"
    try:
        with Worker(isolation, SandboxLimits()) as worker:
            verdict = worker.run(_PROBE, ["assert breaches() == []"], None)
    except (WorkerLost, MemoryError, OSError) as error:
        return str(error) or type(error).__name__
    return None if verdict.status == "passed" else f"{verdict.status}: {verdict.detail}"


def choose(limits: SandboxLimits) -> str:
    """The isolation to use.

    Raises UserError where the machine can't give what is asked, and no words allow less.
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
        f"sandbox: {isolations.machine()} can't shut in model-written code ({'; '.join(reasons)}); expected "
        f"bubblewrap, user namespaces or seccomp, or allow_weak_isolation: true to run it without"
    )


def run_program(
    code: str, tests: list[str], limits: SandboxLimits, entry_point: str | None = None
) -> Verdict:
    """Judge one program: run `tests` (assert statements, or definitions and a call) against `code`.

    The tests run in another process than the code and call it from afar; see `run_many`.
    Raises UserError as `choose` does.
    """
    return run_many([(code, tests, entry_point)], limits, workers=1)[0]


def run_many(programs: list[Program], limits: SandboxLimits, workers: int) -> list[Verdict]:
    """Judge programs on `workers` sandboxes at a time; the verdicts are in the programs' order.

    A name that the tests use and don't bind is looked up in the program, built-in names apart; `entry_point`
    names the one that may be a built-in's. Plain values cross between program and tests; an iterator or an
    object of a class crosses by reference and can be used but not compared.

    Raises UserError as `choose` does.
    """
    isolation = choose(limits)
    verdicts: list[Verdict | None] = [None] * len(programs)
    waiting = iter(enumerate(programs))
    lock = threading.Lock()

    def taken() -> Iterator[tuple[int, Program]]:
        while True:
            with lock:
                item = next(waiting, None)
            if item is None:
                return
            yield item

    def work() -> None:
        with Judge(isolation, limits) as judge:
            for index, (code, tests, *entry_point) in taken():
                verdicts[index] = judge.run(code, tests, entry_point[0] if entry_point else None)

    threads = max(1, min(workers, len(programs)))
    with ThreadPoolExecutor(threads) as pool:
        for part in [pool.submit(work) for _ in range(threads)]:
            part.result()
    return [verdict for verdict in verdicts if verdict is not None]


class Judge:
    """A worker at a time, replaced when a program was too much for it; a context manager for one thread."""

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
            raise UserError(f"sandbox: {self._isolation} does not come up: {error}") from None

    def run(self, code: str, tests: list[str], entry_point: str | None = None) -> Verdict:
        """Judge one program, a second time if the sandbox was lost over it.

        Raises UserError where no sandbox comes up.
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
