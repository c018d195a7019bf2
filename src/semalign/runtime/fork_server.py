"""A server that saves jobs their start-up time: it imports the libraries once, and each job is a fork of it.

Importing torch, transformers, PEFT and lm-eval takes longer than most jobs of the default study. A run on one
machine starts this server. `semalign.runtime.script.run` passes its script to the server, with its arguments and
standard streams, and waits for the exit status. If no server answers (a script started by hand, or on a cluster), the
script runs in its own process, with the same result.

These processes are involved:

    snakemake -> shell -> client: `python scripts/x.py`, which only waits        (one per job)
    snakemake -> server: imports the libraries, forks, never runs a job itself   (one per run)
                 server -> job: the fork that becomes the script                 (one per job)

A job is a child of the server, not of its client, so the kernel does not end one when the other dies. The socket
between client and server does that: if one end closes, the other end notices. A job dies with its client, the server
with the run that started it, and every job with the server.
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

from semalign.runtime.causes import explain
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
_PR_SET_PDEATHSIG = 1  # from linux/prctl.h
SHORT_PLACE = "/tmp"
LONGEST_PLACE = 70  # bytes of the folder for temporary files; `semalign-<pid>-<random>/jobs` follows


def start_server() -> None:
    """Start the server as a child process and put the path of its socket into the environment for all jobs.

    Jobs run in their own processes, only later, if there is no folder for the socket or no room for the server.
    """
    try:
        _remove_abandoned()
        listener, path = _listen()
    except OSError:
        return
    # The socket is bound here, before the server has imported anything, so that an early client waits in the queue
    # instead of finding no server. The new session keeps the terminal's Ctrl-C away from the server, which must live
    # until the jobs have ended.
    with listener, contextlib.suppress(OSError):
        subprocess.Popen(
            [sys.executable, "-m", "semalign.runtime.fork_server", str(listener.fileno()), str(os.getpid())],
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.environ[VARIABLE] = path


def _listen() -> tuple[socket.socket, str]:
    """A listening socket in a folder that only this user can open, and its path.

    The path of a socket has at most 107 bytes, which a TMPDIR of a cluster may exceed. The folder is then in /tmp.
    """
    place = tempfile.gettempdir()
    if len(os.fsencode(place)) > LONGEST_PLACE:
        place = SHORT_PLACE
    folder = tempfile.TemporaryDirectory(prefix=f"semalign-{os.getpid()}-", dir=place)
    atexit.register(folder.cleanup)
    path = f"{folder.name}/jobs"
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(path)
        listener.listen(64)
    except OSError:
        listener.close()
        raise
    return listener, path


def _remove_abandoned() -> None:
    """Remove the socket folders of runs that were killed.

    A run in another container looks dead from here. If its socket is removed, its scripts run in their own processes.
    """
    places = {Path(tempfile.gettempdir()), Path(SHORT_PLACE)}
    for folder in (folder for place in places for folder in place.glob("semalign-*-*")):
        pid = folder.name.split("-")[1]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def delegate() -> int | None:
    """Let the server run this script; returns its exit status, or None if no server accepted it.

    None makes the caller run the script itself. That is only safe before the server has sent `_STARTED`: afterwards a
    fork exists, and the same work would be done twice.
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
            # SIGTERM asks a job to save a checkpoint and exit: it is passed on, and this client keeps waiting for the
            # job's status. If this client ends in any other way, the socket closes and the server kills the job.
            signal.signal(signal.SIGTERM, lambda *_: server.sendall(_TERMINATE))
            status = server.recv(16)
        except OSError:
            return None
    # no status: the server was killed, and its jobs with it
    return int(status) if status else 128 + signal.SIGKILL


class _Server:
    """Event loop that forks one process per job; it waits for new clients, their messages, and the ends of jobs.

    A fork copies the memory of all threads but runs only one, so a lock that another thread holds would stay locked
    in the fork for ever. The server therefore has a single thread. Never add code here that starts threads, such as
    a torch call that starts a thread pool.
    """

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.selector = selectors.DefaultSelector()
        self.selector.register(listener, selectors.EVENT_READ, self._accept)

    def serve(self) -> None:
        """Serve until the run that started this server has ended.

        SIGTERM must not end the server, because its death kills all jobs at once (`die_with_parent`). When a machine
        shuts down or a scheduler preempts the run, every process gets SIGTERM, and each job needs time to save a
        checkpoint. A fork restores the default handler before it becomes a script.
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
        sys.stdout.flush()  # otherwise the fork would print the buffered text a second time
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            # A fork inherits the listener, the other clients' sockets and the other jobs' pidfds. A socket only
            # closes when its last copy does: with a copy open here, another client would wait for this job as well.
            for key in list(self.selector.get_map().values()):
                os.close(key.fd)
            client.close()  # this job's own client as well: only the server reports the status
            _run(job, streams)
        # The job has its own copies. If the server kept these open, a pipe from the job (`script | tee log`) would
        # never end.
        for stream in streams:
            os.close(stream)
        self._watch(client, child)

    def _watch(self, client: socket.socket, child: int) -> None:
        """Report the job's exit status to its client; end the job if the client asks for it or is gone."""
        # A pidfd always refers to this process. A process id may have been reused by the time a signal is sent.
        ended = os.pidfd_open(child)

        def finish() -> None:
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            self.selector.unregister(ended)
            self.selector.unregister(client)
            _say(client, str(status if status >= 0 else 128 - status).encode())
            os.close(ended)
            client.close()

        def listen() -> None:
            message = _hear(client)
            with contextlib.suppress(OSError):  # the job may have ended in the meantime
                signal.pidfd_send_signal(ended, signal.SIGTERM if message == _TERMINATE else signal.SIGKILL)

        self.selector.register(ended, selectors.EVENT_READ, finish)
        self.selector.register(client, selectors.EVENT_READ, listen)
        _say(client, _STARTED)


def _receive(client: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Receive a job, which may be longer than one packet, and its three standard streams."""
    text, streams, _, _ = socket.recv_fds(client, 1 << 16, 3)
    while not text.endswith(b"\n"):
        more = client.recv(1 << 16)
        if not more:
            raise ValueError("the client left")
        text += more
    return json.loads(text), list(streams)


def _say(client: socket.socket, message: bytes) -> None:
    try:
        client.sendall(message)
    except OSError:
        return  # the client is gone; `listen` in `_watch` ends its job


def _hear(client: socket.socket) -> bytes:
    """Receive one message; empty if the client is gone."""
    try:
        return client.recv(1)
    except OSError:
        return b""


def _run(job: dict[str, Any], streams: list[int]) -> None:
    """Run the script in the fork, and exit with its status."""
    status = 1
    try:
        die_with_parent()
        # All forks start with the server's state of `random`, so they would draw the same temporary names and ports.
        # No result depends on this state, since every draw of a study has its own seed.
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
        # not sys.exit: that would run the server's atexit handlers and the rest of its call stack in the fork
        os._exit(status)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies (Linux only)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Serve on the inherited socket until the run that started this process has ended."""
    number, parent = int(sys.argv[1]), int(sys.argv[2])
    die_with_parent()
    if os.getppid() != parent:  # the run ended before `die_with_parent` took effect
        return
    try:
        for module in PRELOADED:
            importlib.import_module(module)
        scan()
    except (OSError, MemoryError, ImportError) as error:
        # too little memory, say; jobs then run in their own processes, and report their own errors
        reason = explain(error) or f"{type(error).__name__}: {error}"
        sys.exit(f"warning: every job imports the libraries itself, which takes longer ({reason})")
    _Server(socket.socket(fileno=number)).serve()


if __name__ == "__main__":
    main()
