"""Programs that try to do harm: to the machine, to its files, to its user, to the next program."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from semalign.evaluation.sandbox import Limits, Verdict, run_many
from semalign.evaluation.sandbox.worker import Worker

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
    start = time.monotonic()
    verdict = run(code, "assert list(f(2)) == 4" if "iterator" in name else "assert f(2) == 4")
    assert verdict.status in statuses, verdict
    assert time.monotonic() - start < 4


def host_processes(name: str) -> list[str]:
    """Processes of the whole machine with this name."""
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


HOST_FILES = """
import os
def f(paths):
    seen = []
    os.path.exists("secret") and seen.append("secret")
    for number, path in enumerate(paths):
        for target in (path, f"link{number}"):
            try:
                if target != path: os.symlink(path, target)
                with open(target, "rb") as file: seen.append((path, len(file.read(10))))
            except OSError: pass
    return seen
"""


def test_the_hosts_files_are_out_of_sight(run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    here = [str(secret), __file__, str(Path.home() / ".bashrc"), "/etc/passwd", "/etc/hosts", "/proc/cpuinfo"]
    here += ["/proc/self/environ", "/proc/1/environ", "/sys/kernel/uevent_seqnum", "/dev/mem", "/dev/kmsg"]
    verdict = run(HOST_FILES, f"assert f({here!r}) == []")
    assert verdict.status == "passed", verdict


WRITES = """
import os
def f(folders):
    written = []
    for folder in folders:
        try:
            with open(folder + "/written-by-a-program", "w") as file: file.write("x")
            written.append(folder)
        except OSError: pass
        for change, *values in ((os.mkdir, folder + "/made"), (os.chmod, folder, 0o777), (os.rmdir, folder)):
            try:
                change(*values)
                written.append(folder)
            except OSError: pass
    return written
"""


def test_the_system_is_read_only(run: Run, tmp_path: Path) -> None:
    folders = ["/", "/usr", "/usr/lib", "/tmp", "/dev", "/var/tmp", "/dev/shm", "/home", str(tmp_path)]
    verdict = run(WRITES, f"assert f({folders!r}) == []")
    assert verdict.status == "passed", verdict


FILLS = """
import os
def f(x):
    assert os.listdir() == []
    total = 0
    for number in range(20):
        try:
            with open(f"file{number}", "wb", buffering=0) as file:
                while True: total += file.write(bytes(1 << 16))
        except OSError: pass
    return total >> 20
"""


LINKS_OUT = """
import os
def f(paths):
    written = []
    for number, path in enumerate(paths):
        try:
            os.symlink(path, f"out{number}")
            with open(f"out{number}", "w") as file: file.write("x")
            written.append(path)
        except OSError: pass
        try:
            os.link(path, f"hard{number}")
            written.append(path)
        except OSError: pass
    return written
"""


def test_a_symlink_leads_nowhere_out(run: Run, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("mine")
    targets = [
        str(kept),
        str(tmp_path / "new"),
        "/tmp/made-by-a-program",
        "../../../../tmp/made-by-a-program",
    ]
    verdict = run(LINKS_OUT, f"assert f({targets[:3]!r}) == []", f"f({targets[3:]!r})")
    assert verdict.status == "passed", verdict
    assert kept.read_text() == "mine" and not (tmp_path / "new").exists()
    assert not Path("/tmp/made-by-a-program").exists()


def test_the_scratch_folder_is_empty_and_small(run: Run, limits: Limits) -> None:
    if limits.isolation == "seccomp":
        pytest.skip("there no file can be opened")
    for _ in range(2):
        verdict = run(FILLS, f"assert 1 <= f(0) <= {limits.file_mb}")
        assert verdict.status == "passed", verdict


def test_a_scratch_file_works_and_is_gone_in_the_next_program(run: Run, limits: Limits) -> None:
    if limits.isolation == "seccomp":
        pytest.skip("there no file can be opened")
    body = "before = os.listdir()\n open('a', 'w').write('b')\n return before, open('a').read()"
    code = f"import os\ndef f(x):\n {body}"
    for _ in range(2):
        assert run(code, "assert f(0) == ([], 'b')").status == "passed"


def test_the_environment_does_not_come_in(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMALIGN_SECRET", "secret")
    code = "import os\ndef f(x): return {**os.environ}"
    tests = ["assert f(0)", "assert not any('secret' in part for pair in f(0).items() for part in pair)"]
    tests += [
        "usual = {'PATH', 'HOME', 'TMPDIR', 'LANG', 'LC_CTYPE', 'PWD'}\n"
        "assert all(name in usual or name.startswith('PYTHON') for name in f(0))"
    ]
    with Worker(limits.isolation, limits) as worker:
        verdict = worker.run(code, tests, None)
    assert verdict.status == "passed", verdict


CONNECTS = """
import socket
def f(port, path):
    reached = []
    for family, address in ((socket.AF_INET, ("127.0.0.1", port)), (socket.AF_INET6, ("::1", port)),
                            (socket.AF_UNIX, "\\0" + path), (socket.AF_UNIX, path)):
        try:
            with socket.socket(family) as connection:
                connection.settimeout(0.2)
                connection.connect(address)
                reached.append(str(address))
        except OSError: pass
    try:
        socket.getaddrinfo("localhost", port)[0][4] == () and reached.append("names")
    except OSError: pass
    return reached
"""


def test_there_is_no_network(run: Run, tmp_path: Path) -> None:
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as local:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        local.bind(f"\0semalign-{os.getpid()}")
        local.listen()
        verdict = run(CONNECTS, f"assert f({tcp.getsockname()[1]}, 'semalign-{os.getpid()}') == []")
    assert verdict.status == "passed", verdict


ESCAPES = """
import ctypes, os, resource
libc = ctypes.CDLL(None, use_errno=True)
def f(x):
    done = []
    calls = {
        "unshare user": lambda: libc.unshare(0x10000000),
        "unshare mount": lambda: libc.unshare(0x20000),
        "mount": lambda: libc.mount(b"none", b"/sandbox", b"tmpfs", 0, None),
        "chroot": lambda: libc.chroot(b"/"),
        "memfd": lambda: libc.memfd_create(b"x", 0),
        "shared memory": lambda: libc.shmget(0, 4096, 0o1600),
        "become root": lambda: libc.setresuid(0, 0, 0),
        "follow nobody": lambda: libc.prctl(1, 0, 0, 0, 0),
        "keyring": lambda: libc.syscall(250, 0, -3, 1),
        "io_uring": lambda: libc.syscall(425, 4, 0),
        "clone into a user namespace": lambda: libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0),
        "own a descriptor": lambda: libc.fcntl(0, 8, 1),
        "host name": lambda: libc.sethostname(b"x", 1),
    }
    for name, call in calls.items():
        if call() >= 0: done.append(name)
    for name in ("AS", "NPROC", "FSIZE", "CPU", "NOFILE"):
        number = getattr(resource, "RLIMIT_" + name)
        soft, hard = resource.getrlimit(number)
        try:
            resource.setrlimit(number, (hard + 1, hard + 1))
            done.append(name)
        except (OSError, ValueError): pass
    return done, 0 in (os.getuid(), os.geteuid(), os.getgid())
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="names calls by this machine's numbers")
def test_no_way_out_by_system_calls(run: Run) -> None:
    verdict = run(ESCAPES, "done, root = f(0)", "assert done == []", "assert not root")
    assert verdict.status == "passed", verdict


def test_descriptors_of_the_judge_do_not_come_in(run: Run, tmp_path: Path) -> None:
    code = """
import os
def f(x):
    found = []
    for number in range(4096):
        try:
            os.fstat(number)
            found.append(number)
        except OSError: pass
    return found
"""
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        verdict = run(code, "assert len(f(0)) == 4 and f(0)[:3] == [0, 1, 2]")
    assert verdict.status == "passed", verdict


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
