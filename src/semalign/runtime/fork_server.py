"""Jobs without the seconds of start-up: one process imports the libraries, each job is a fork of it.

Importing torch, transformers, PEFT and lm-eval takes longer than most jobs of the embedded study. A run on one
machine starts this server; `semalign.runtime.script.run` hands its script over, with its arguments and its standard
streams, and waits for the exit status. If no server answers (by hand, on a cluster), the script runs by itself, with
the same result.

Four processes are involved, each the parent of the next but for one gap:

    snakemake -> shell -> client: `python scripts/x.py`, which only waits        (one per job)
    snakemake -> server: imports the libraries, forks, never runs a job itself   (one per run)
                 server -> job: the fork that becomes the script                 (one per job)

The gap is between client and job. The kernel does not link their lives, so the socket between them does: if either
end closes, the other side knows. A job dies with its client, the server with the run that started it, and every job
with the server.
"""

import atexit
import contextlib
import ctypes
import importlib
import json
import os
import random
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from semalign.runtime.code import scan

VARIABLE = "SEMALIGN_WARM"
PRELOADED = (
    "semalign.runtime.command",
    "semalign.methods.stage",
    "semalign.signals.stage",
    "semalign.evaluation.stage",
    "semalign.evaluation.sandbox.stage",
    "transformers.models.llama.modeling_llama",
    "peft",
)
_STARTED, _TERMINATE = b"S", b"T"
_PR_SET_PDEATHSIG = 1


def start_server() -> None:
    """Start the server beside this process and name its socket in the environment for all jobs."""
    _remove_abandoned()
    folder = tempfile.TemporaryDirectory(prefix=f"semalign-{os.getpid()}-")
    atexit.register(folder.cleanup)
    path = f"{folder.name}/jobs"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    # The socket is bound here, before the server has imported anything: a client that comes early waits in the queue
    # instead of finding no server. The session of its own keeps the terminal's Ctrl-C away from the server, which must
    # live until the jobs have ended.
    subprocess.Popen(
        [sys.executable, "-m", "semalign.runtime.fork_server", str(listener.fileno()), str(os.getpid())],
        pass_fds=[listener.fileno()],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    listener.close()
    os.environ[VARIABLE] = path


def _remove_abandoned() -> None:
    """Remove the sockets of runs that were killed; a run in another container falls back to jobs of its own."""
    for folder in Path(tempfile.gettempdir()).glob("semalign-*-*"):
        pid = folder.name.split("-")[1]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def delegate() -> int | None:
    """Have the server run this script; its exit status, or None if no server took it.

    None is only safe before the server's `_STARTED`, when no fork exists that could do the same work a second time.
    """
    path = os.environ.get(VARIABLE)
    if not path or "SLURM_JOB_ID" in os.environ or not hasattr(socket, "send_fds"):
        return None
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(path)
            job = {"argv": sys.argv, "cwd": str(Path.cwd()), "environment": dict(os.environ)}
            socket.send_fds(server, [json.dumps(job).encode() + b"\n"], [0, 1, 2])
            if server.recv(1) != _STARTED:
                return None
            # SIGTERM means "save yourself": it is passed on, and this client goes on waiting for the job's status.
            # All other ends of this client close the socket, and the server then kills the job.
            signal.signal(signal.SIGTERM, lambda *_: server.sendall(_TERMINATE))
            status = server.recv(16)
        except OSError:
            return None
    # no status: the server itself was killed, and its jobs with it
    return int(status) if status else 128 + signal.SIGKILL


class _Server:
    """Forks one process per job; waits for clients, for their word, and for the ends of jobs.

    It has one thread and no lock that a fork could copy in a locked state. Whatever is added here must keep it so: no
    thread, no torch call that starts a pool of threads.
    """

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.selector = selectors.DefaultSelector()
        self.selector.register(listener, selectors.EVENT_READ, self._accept)

    def serve(self) -> None:
        """Serve until the run that started this is gone.

        SIGTERM must not end the server: its death kills all jobs at once, by `die_with_parent`. When a machine shuts
        down or a scheduler preempts, every process gets SIGTERM, and each job uses its own to save a checkpoint. A fork
        takes the default back before it becomes a script.
        """
        signal.signal(signal.SIGTERM, lambda *_: None)
        while True:
            for key, _ in self.selector.select():
                key.data()

    def _accept(self) -> None:
        client, _ = self.listener.accept()
        try:
            job, streams = _receive(client)
        except (OSError, ValueError):
            client.close()
            return
        sys.stdout.flush()  # what is buffered would be printed by both
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            # A fork has copies of the listener, of the other clients' sockets and of the other jobs' pidfds. While a
            # copy is open here, the other end never sees the socket close: a client would wait for this job too.
            for key in list(self.selector.get_map().values()):
                os.close(key.fd)
            client.close()  # its own as well: only the server reports the status
            _run(job, streams)
        # the job has its copies; if the server kept these, a pipe from the job would never end (`script | tee log`)
        for stream in streams:
            os.close(stream)
        self._watch(client, child)

    def _watch(self, client: socket.socket, child: int) -> None:
        """Report the job's end to its client; end the job when the client asks or is gone."""
        # A pidfd names this process for good. A number may be another process's by the time the signal is sent.
        ended = os.pidfd_open(child)

        def finish() -> None:
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            self.selector.unregister(ended)
            self.selector.unregister(client)
            _say(client, str(status if status >= 0 else 128 - status).encode())
            os.close(ended)
            client.close()

        def listen() -> None:
            word = _hear(client)
            with contextlib.suppress(OSError):  # it may have ended meanwhile
                signal.pidfd_send_signal(ended, signal.SIGTERM if word == _TERMINATE else signal.SIGKILL)

        self.selector.register(ended, selectors.EVENT_READ, finish)
        self.selector.register(client, selectors.EVENT_READ, listen)
        _say(client, _STARTED)


def _receive(client: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Receive a job and its three standard streams; the environment may be longer than one packet."""
    text, streams, _, _ = socket.recv_fds(client, 1 << 16, 3)
    while not text.endswith(b"\n"):
        more = client.recv(1 << 16)
        if not more:
            raise ValueError("the client left")
        text += more
    return json.loads(text), list(streams)


def _say(client: socket.socket, word: bytes) -> None:
    try:
        client.sendall(word)
    except OSError:
        return  # the client is gone; its job is ended elsewhere


def _hear(client: socket.socket) -> bytes:
    try:
        return client.recv(1)
    except OSError:
        return b""


def _run(job: dict[str, Any], streams: list[int]) -> None:
    """In the fork: become the script, and leave with its status."""
    status = 1
    try:
        die_with_parent()
        # All forks start with the server's state of `random`, so they would draw the same temporary names and ports.
        # No result hangs on this state: whatever a study draws has a seed of its own.
        random.seed()
        for target, stream in enumerate(streams):
            os.dup2(stream, target)
            os.close(stream)
        os.chdir(job["cwd"])
        os.environ.clear()
        os.environ.update(job["environment"])
        os.environ.pop(VARIABLE)  # the script must not hand itself over again
        sys.argv = job["argv"]
        sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
        runpy.run_path(sys.argv[0], run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(
            status
        )  # not sys.exit: the server's `atexit` and the rest of its stack are not this process's


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies (Linux)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Serve on the inherited socket until the run that started this is gone."""
    number, parent = int(sys.argv[1]), int(sys.argv[2])
    die_with_parent()
    if os.getppid() != parent:  # it died before the kernel was asked
        return
    for module in PRELOADED:
        importlib.import_module(module)
    scan()
    _Server(socket.socket(fileno=number)).serve()


if __name__ == "__main__":
    main()
