"""Programs that take too much time, memory or processes, and whether anything of them is left after the verdict."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from semalign.evaluation.sandbox import Limits, Verdict, run_many

Run = Callable[..., Verdict]

CUT_SHORT = {
    "an endless loop": ("def f(x):\n while True: pass", {"timeout"}),
    "a long sleep": ("import time\ndef f(x): time.sleep(60)", {"timeout"}),
    "a loop while loading": ("while True: pass", {"timeout"}),
    "a stop": ("import os, signal\ndef f(x): os.kill(os.getpid(), signal.SIGSTOP)", {"timeout"}),
    "ignored signals": (
        "import signal\nfor n in range(1, 65):\n try: signal.signal(n, signal.SIG_IGN)\n"
        " except (OSError, ValueError): pass\n"
        "def f(x):\n while True: pass",
        {"timeout"},
    ),
    "blocked signals": (
        "import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n"
        "def f(x): time.sleep(60)",
        {"timeout"},
    ),
    "a handler that swallows SIGTERM": (
        "import os, signal, time\nsignal.signal(signal.SIGTERM, lambda *_: None)\n"
        "def f(x):\n os.kill(os.getpid(), signal.SIGTERM)\n while True: time.sleep(60)",
        {"timeout", "failed"},
    ),
    "endless output": ("def f(x):\n while True: print('x' * 1000)", {"output"}),
    "endless errors": ("import sys\ndef f(x):\n while True: sys.stderr.write('x' * 1000)", {"output"}),
    "a large result": ("def f(x): return 'x' * 10**6", {"output"}),
    "a memory bomb": ("def f(x): return bytearray(10**10)", {"memory"}),
    "a slow memory bomb": ("def f(x):\n kept = []\n while True: kept.append(bytearray(10**6))", {"memory"}),
    "deep recursion": (
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(x): return f(x)",
        {"failed", "memory", "timeout"},
    ),
    "an endless iterator": ("import itertools\ndef f(x): return itertools.count()", {"timeout", "memory"}),
    "a huge number": ("def f(x): return 1 << 10**6 * 64", {"output", "memory"}),
    "a question to nobody": ("def f(x): return input()", {"failed"}),
}


@pytest.mark.parametrize("name", CUT_SHORT)
def test_a_greedy_program_is_cut_short(run: Run, name: str) -> None:
    code, statuses = CUT_SHORT[name]
    verdict = run(code, "assert list(f(2)) == 4" if "iterator" in name else "assert f(2) == 4")
    assert verdict.status in statuses, verdict


def host_processes(name: str) -> list[str]:
    """Processes on the whole machine with this name."""
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().strip() == name:
                found.append(path.parent.name)
        except OSError:
            pass
    return found


LEFTOVERS = """
import ctypes, os, time
def daemon():
    for _ in range(2):
        try: os.setsid()
        except OSError: pass
        if os.fork(): os._exit(0)
    ctypes.CDLL(None).prctl(15, b"{name}")
    time.sleep(60)
def f(x):
    for _ in range(2):
        try:
            if os.fork() == 0: daemon()
        except OSError: pass
    time.sleep(0.2)
    return 4
"""

BOMB = """
import ctypes, os
def f(x):
    ctypes.CDLL(None).prctl(15, b"{name}")
    while True:
        try: os.fork()
        except OSError: pass
"""


@pytest.mark.parametrize(
    ("code", "statuses"), [(LEFTOVERS, {"passed"}), (BOMB, {"timeout", "memory", "failed"})]
)
def test_no_process_outlives_its_verdict(run: Run, code: str, statuses: set[str]) -> None:
    name = f"left{os.getpid()}"
    verdict = run(code.replace("{name}", name), "assert f(2) == 4")
    assert verdict.status in statuses, verdict
    assert host_processes(name) == []


COUNT_PROCESSES = """
import os, threading, time
def f(x):
    started = 0
    for _ in range(40):
        try:
            if os.fork() == 0: time.sleep(9)
            started += 1
        except OSError: pass
        try:
            threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
            started += x
        except RuntimeError: pass
    return started
"""


def test_processes_are_counted(run: Run, limits: Limits) -> None:
    verdict = run(COUNT_PROCESSES, f"assert f(0) + 1 <= {limits.processes + 3}")
    assert verdict.status == "passed", verdict


MANY_EATERS = """
import os, time
def f(x):
    for _ in range(4):
        if os.fork() == 0: break
    kept = [bytearray(b'x' * 10**6) for _ in range(100)]
    time.sleep(60)
"""


def test_memory_of_all_processes_together_is_limited(limits: Limits) -> None:
    if limits.isolation == "seccomp":
        pytest.skip("there a program has one process")
    roomy = limits.model_copy(update={"wall_seconds": 8})
    verdict = run_many([(MANY_EATERS, ["assert f(2) == 4"])], roomy, workers=1)[0]
    assert verdict.status == "memory", verdict


def test_the_user_s_own_processes_are_spared(limits: Limits) -> None:
    attempt = "try: os.kill(process, 9)\n except OSError: return 'refused'"
    code = f"import os\ndef f(process):\n {attempt}\n return 'sent'"
    verdict = run_many([(code, [f"assert f({os.getpid()}) == 'refused'"])], limits, workers=1)[0]
    assert verdict.status == "passed", verdict


def test_a_dead_judge_leaves_no_sandbox(limits: Limits) -> None:
    name = f"orphan{os.getpid() % 10**6}"
    code = f"import ctypes, time\nctypes.CDLL(None).prctl(15, b'{name}')\ntime.sleep(60)"
    program = f"""
from semalign.evaluation.sandbox import Limits, run_program
run_program({code!r}, ["assert f(2) == 4"], Limits(isolation={limits.isolation!r}, wall_seconds=60))
"""
    judge = subprocess.Popen([sys.executable, "-c", program])
    deadline = time.monotonic() + 20
    while not host_processes(name) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert host_processes(name), "the program never started"
    judge.send_signal(signal.SIGKILL)
    judge.wait()
    deadline = time.monotonic() + 5
    while host_processes(name) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert host_processes(name) == []
