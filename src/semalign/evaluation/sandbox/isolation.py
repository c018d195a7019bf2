"""The kinds of isolation, which of them this machine may support, and the command that starts each."""

import json
import os
import platform
import shutil
import sys
from pathlib import Path

from semalign.config.sandbox import SandboxLimits
from semalign.evaluation.sandbox.inside import seccomp
from semalign.evaluation.sandbox.inside.confine import NOBODY, SCRATCH
from semalign.evaluation.sandbox.inside.namespaces import View

STRONG = ("bubblewrap", "namespaces", "seccomp")
"""Strongest first. The last resort, "weak", only limits resources."""

_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": SCRATCH,
    "TMPDIR": SCRATCH,
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",  # the same order of sets in every run
    "PYTHONDONTWRITEBYTECODE": "1",
}
_DRIVER = Path(__file__).parent / "inside" / "driver.py"
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def in_words(isolation: str) -> str:
    """Describe the isolation that was in force, for a result's record."""
    if isolation == "weak":
        return "weak: rlimits alone"
    parts = [isolation]
    if isolation != "seccomp" and seccomp.available():
        parts.append("seccomp")
    return "+".join([*parts, "rlimits"])


def environment() -> dict[str, str]:
    """The environment of a sandbox. The library path is needed to start Python; the driver removes it afterwards."""
    return _ENVIRONMENT | {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}


def interpreter() -> str:
    """The base interpreter of any virtual environment, so that no site packages are visible."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable) or sys.executable)


def view() -> View:
    """The folders that a program may see: the system's libraries and Python's own."""
    folders: list[str] = []
    links: dict[str, str] = {}
    for path in map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")):
        if path.is_symlink():
            links[str(path)] = str(path.readlink())
        elif path.is_dir():
            folders.append(str(path))
    prefix = Path(sys.base_prefix).resolve()
    if not prefix.is_relative_to("/usr"):
        own = [prefix / name for name in ("bin", "lib", "lib64")]
        folders += [str(path) for path in own if path.is_dir() and not path.is_symlink()]
    if Path("/etc/ld.so.cache").is_file():
        folders.append("/etc/ld.so.cache")
    return {"folders": folders, "links": links}


def _bubblewrap(seen: View) -> list[str]:
    command = ["bwrap", "--unshare-user", "--unshare-all", "--die-with-parent", "--new-session", "--as-pid-1"]
    command += ["--uid", str(NOBODY), "--gid", str(NOBODY), "--hostname", "sandbox"]
    # Only the zygote keeps the right to mount, to give each program its own scratch folder.
    command += ["--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN"]
    for path in [*seen["folders"], str(_DRIVER.parent)]:
        command += ["--ro-bind", path, path]
    for path, target in seen["links"].items():
        command += ["--symlink", target, path]
    for path in _DEVICES:
        command += ["--dev-bind", path, path]
    return [*command, "--dir", SCRATCH, "--remount-ro", "/", "--chdir", "/"]


def command(isolation: str, descriptor: int, limits: SandboxLimits) -> list[str]:
    """The command that starts a worker serving the socket `descriptor`."""
    seen = view()
    names = ("wall_seconds", "cpu_seconds", "memory_mb", "processes", "file_mb", "output_kb")
    settings = {"limits": limits.model_dump(include=set(names)), "view": seen}
    python = [interpreter(), "-S", "-s", "-P", "-X", "utf8", str(_DRIVER)]
    start = [*python, isolation, str(descriptor), json.dumps(settings)]
    return _bubblewrap(seen) + start if isolation == "bubblewrap" else start


def user(isolation: str) -> dict[str, object]:
    """Options of `Popen`: root starts bubblewrap as nobody, since the kernel does not limit root's processes."""
    if isolation == "bubblewrap" and os.geteuid() == 0:
        return {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    return {}


def obstacle(isolation: str) -> str | None:
    """Why this machine can't support an isolation; None if it may, so that a trial is worth its time."""
    if isolation == "bubblewrap":
        if shutil.which("bwrap") is None:
            return "found no program bwrap, expected the package bubblewrap"
        for needed in (Path(interpreter()), _DRIVER) if user(isolation) else ():
            if (closed := _closed_part(needed)) is not None:
                return (
                    f"as root it runs as another user, who can't read {closed}; expected Python and the clone in "
                    "folders that all users can read, or an ordinary user, or isolation: namespaces"
                )
        return None
    works = sys.platform == "linux" and (isolation != "seccomp" or seccomp.available())
    return None if works else "not on this machine"


def _closed_part(path: Path) -> Path | None:
    """The first part of a path that other users can't enter or read; None if they can read the file."""
    parts = [*reversed(path.parents), path]
    return next(
        (part for part in parts if not part.stat().st_mode & (0o001 if part != path else 0o004)), None
    )


def machine() -> str:
    """Describe the machine, for an error message."""
    return f"{platform.system()} {platform.release()} on {platform.machine()}"
