"""The process that forks two others for every program, watches them, and cleans up; it never runs model-written code.

For each program it forks the candidate's process and the tester's. It never reads code or tests itself: each of the two
reads its own part from the judge's socket, so that no later program can find an earlier one's tests in memory.

    judge (outside) --socket `control`-- zygote
                                           |- candidate: runs the program
                                           |- tester: runs the tests, calls the candidate over `channel`,
                                              reports to the judge over `control`

The candidate has none of the judge's descriptors, so it can't forge a verdict. The tester runs only the benchmark's
tests; it treats everything from the candidate as data, never as code.
"""

import contextlib
import gc
import os
import select
import signal
import socket
import struct
import time
from typing import Any

from . import candidate, kernel, tester, wire
from .confine import Limits, confine

JOB = struct.Struct(">II")
"""Header of a job from the judge: the sizes in bytes of the code and of the tests, which follow."""
_ARGUMENTS_LIMIT = 1 << 28


class Zygote:
    """Serves one judge over the socket `control`."""

    def __init__(self, control: int, isolation: str, limits: Limits) -> None:
        self._control = control
        self._isolation = isolation
        self._limits = limits
        self._output_limit = limits["output_kb"] * 1024

    def serve(self) -> None:
        """Run programs one after another until the judge closes the socket."""
        guard(self._isolation)
        # Exclude all existing objects from garbage collection: a collection in a fork would write to every object's
        # header, and so copy the pages that it shares with the zygote, which would count as the program's memory.
        gc.collect()
        gc.freeze()
        wire.send(self._control, {"ready": True})
        while True:
            try:
                code_size, tests_size = JOB.unpack(wire.read_exactly(self._control, JOB.size))
            except EOFError:
                return
            wire.send(self._control, self._run(code_size, tests_size))

    def _run(self, code_size: int, tests_size: int) -> dict[str, Any]:
        # Each descriptor is closed here as soon as the fork that needs it exists. Otherwise the second fork would
        # inherit those of the first, and a pipe would stay open after its process has ended.
        deadline = time.monotonic() + self._limits["wall_seconds"]
        ours, theirs = (end.detach() for end in socket.socketpair())
        output, printed = os.pipe()
        first = self._fork_candidate(theirs, printed, code_size)
        os.close(theirs)
        os.close(printed)
        # Nothing is ever written to `held`. It closes when the tester ends, however it ends, and `alive` then polls as
        # closed.
        alive, held = os.pipe()
        second = self._fork_tester(ours, held, tests_size)
        os.close(ours)
        os.close(held)
        cause = self._watch(alive, output, deadline)
        ends = self._sweep(first, second)
        if cause == "judge":  # nobody is left to receive a verdict
            os._exit(0)
        os.close(alive)
        os.close(output)
        return {"cause": cause, "candidate": ends.get(first), "tester": ends.get(second)}

    def _fork_candidate(self, channel: int, printed: int, size: int) -> int:
        """Fork the process that runs the program; return once it has read the program from the socket.

        Candidate and tester read from one stream, one after the other. The pipe makes the zygote wait until the
        candidate has its part: `confine` closes the pipe's write end, as does the candidate's death.
        """
        read_end, write_end = os.pipe()
        process = os.fork()
        if process:
            os.close(write_end)
            os.read(read_end, 1)  # returns at the end of the pipe
            os.close(read_end)
            return process
        try:
            code = wire.read_exactly(self._control, size)
            os.dup2(printed, 1)
            os.dup2(printed, 2)
            confine(self._isolation, self._limits, channel, scratch=True)  # closes `control` and `write_end`
            candidate.run(channel, code, _ARGUMENTS_LIMIT)
        finally:
            os._exit(125)

    def _fork_tester(self, channel: int, held: int, size: int) -> int:
        """Fork the process that runs the tests. It can write to the judge, so it is confined like the candidate."""
        process = os.fork()
        if process:
            return process
        try:
            job = wire.read_exactly(self._control, size)
            confine(self._isolation, self._limits, channel, self._control, held)
            tester.run(self._control, channel, job, self._output_limit)
        finally:
            os._exit(125)  # whatever happened, a fork never continues as a second zygote

    def _watch(self, alive: int, output: int, deadline: float) -> str | None:
        """Wait for the tester to end; returns what stopped it early ("wall", "output", "judge" is gone), or None."""
        poll = select.poll()
        poll.register(alive, select.POLLIN)
        poll.register(output, select.POLLIN)
        poll.register(self._control, 0)  # poll(2) always reports a hang-up
        printed = 0
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return "wall"
            ready = dict(poll.poll(left * 1000))
            if self._control in ready:
                return "judge"
            if alive in ready:
                return None
            if output in ready:
                size = len(os.read(output, 1 << 16))
                printed += size
                if not size:
                    poll.unregister(output)
                elif printed > self._output_limit:
                    return "output"

    def _sweep(self, *processes: int) -> dict[int, list[float]]:
        """Kill all remaining descendants; returns wait status and CPU seconds of each."""
        ends: dict[int, list[float]] = {}
        while True:
            # In a process namespace, -1 means all processes but this one. With "seccomp", the filter forbids further
            # processes. With "weak", the best there is are the process groups of the two.
            left = [each for each in processes if each not in ends]
            if self._isolation in ("bubblewrap", "namespaces"):
                left = [-1]
            elif self._isolation == "weak":
                left += [-each for each in left]
            for process in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process, signal.SIGKILL)
            try:
                process, status, usage = os.wait4(-1, 0)
            except ChildProcessError:
                return ends
            ends[process] = [status, usage.ru_utime + usage.ru_stime]


def guard(isolation: str) -> None:
    """Protect this process from those it will fork."""
    for descriptor in (1, 2):
        os.dup2(0, descriptor)  # the null device, open both ways
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if isolation != "weak":
        kernel.forbid_tracing()
        kernel.adopt_orphans()
