"""The judge's end of one sandbox, which runs programs one after another."""

import json
import secrets
import select
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from semalign.config.sandbox import SandboxLimits
from semalign.evaluation.sandbox import isolation as isolations
from semalign.evaluation.sandbox.inside.zygote import JOB
from semalign.evaluation.sandbox.verdict import Status, Verdict, decide

_TICK = 0.1  # seconds between two looks at the memory in use
_GRACE = 5.0  # seconds after a program's wall time in which the zygote must report
_START = 30.0  # seconds in which a sandbox must start
_OWN_MEMORY_MB = 64
"""Memory that the sandbox's own processes may use in addition to the program's."""
_HEADER = struct.Struct(">I")
_LARGEST = 1 << 16


class WorkerLost(Exception):
    """The sandbox itself ended or stopped answering; the message says why."""


class Worker:
    """A running sandbox; a context manager, used and closed in the thread that made it.

    Raises WorkerLost if it does not start.
    """

    def __init__(self, isolation: str, limits: SandboxLimits) -> None:
        self._limits = limits
        self._isolation = isolation
        self._buffer = b""
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                isolations.command(isolation, theirs.fileno(), limits),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=isolations.environment(),
                cwd="/",
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                **isolations.user(isolation),  # type: ignore[call-overload]
            )
        try:
            self._await_start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the sandbox and everything in it."""
        self._socket.close()
        self._process.kill()
        self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()

    def _await_start(self) -> None:
        deadline = time.monotonic() + _START
        try:
            message = next(iter(self._messages(deadline)))
        except WorkerLost:
            self._process.kill()
            output = self._process.stderr.read(2000).decode(errors="replace") if self._process.stderr else ""
            raise WorkerLost(" ".join(output.split())[-300:] or "it ended without a message") from None
        if not message.get("ready"):
            raise WorkerLost(str(message.get("error")))

    def _messages(self, deadline: float, watch: bool = False) -> Iterator[dict[str, Any]]:
        """Yield messages as they arrive.

        Raises WorkerLost at the deadline or if the sandbox ends, MemoryError if it exceeds the memory limit and `watch`
        is set.
        """
        while True:
            if len(self._buffer) >= _HEADER.size:
                size = _HEADER.unpack_from(self._buffer)[0]
                if size > _LARGEST:
                    raise WorkerLost("it sent an invalid message")
                if len(self._buffer) >= _HEADER.size + size:
                    data = self._buffer[_HEADER.size : _HEADER.size + size]
                    self._buffer = self._buffer[_HEADER.size + size :]
                    yield json.loads(data)
                    continue
            if time.monotonic() > deadline:
                raise WorkerLost("it did not answer in time")
            if select.select([self._socket], [], [], _TICK)[0]:
                self._receive()
            elif watch and memory_of(self._process.pid) > self._limits.memory_mb + _OWN_MEMORY_MB << 20:
                raise MemoryError

    def _receive(self) -> None:
        try:
            part = self._socket.recv(1 << 16)
        except OSError:
            part = b""
        if not part:
            raise WorkerLost("it ended")
        self._buffer += part

    def run(self, code: str, tests: list[str], entry_point: str | None) -> Verdict:
        """Judge one program. Raises WorkerLost or MemoryError if this worker can't be used any more; close it then."""
        start = time.monotonic()
        status, detail = self._judge(code, tests, entry_point)
        return Verdict(status, detail, time.monotonic() - start, isolations.in_words(self._isolation))

    def _judge(self, code: str, tests: list[str], entry_point: str | None) -> tuple[Status, str]:
        # Only the tester gets the token, so a message with it can't come from the program.
        token = secrets.token_hex(16)
        program = code.encode(errors="replace")
        job = json.dumps({"token": token, "tests": tests, "entry_point": entry_point}).encode()
        deadline = time.monotonic() + self._limits.wall_seconds + _GRACE
        try:
            self._socket.settimeout(self._limits.wall_seconds + _GRACE)
            self._socket.sendall(JOB.pack(len(program), len(job)) + program + job)
        except OSError:
            raise WorkerLost("it ended") from None
        report = None
        for message in self._messages(deadline, watch=True):
            if "cause" in message:
                return decide(report, message, self._limits)
            if secrets.compare_digest(str(message.get("token")), token):
                report = message
        raise AssertionError("unreachable")


def memory_of(process: int) -> int:
    """Bytes of private memory of a process and its descendants, without what they map from files."""
    total = 0
    try:
        status = Path(f"/proc/{process}/status").read_text()
        for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
            total += memory_of(int(child))
    except OSError:  # it has just ended, or the kernel does not report this; each process has its own limit
        return total
    private = [line.split() for line in status.splitlines() if line.startswith(("RssAnon:", "RssShmem:"))]
    return total + sum(int(fields[1]) * 1024 for fields in private)
