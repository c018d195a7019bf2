"""Programs that try to escape: to files, the environment, the network, the system, descriptors."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from semalign.evaluation.sandbox import Limits, Verdict
from semalign.evaluation.sandbox.worker import Worker

Run = Callable[..., Verdict]

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
