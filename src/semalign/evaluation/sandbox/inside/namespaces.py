"""Isolation with what the kernel offers an ordinary user: namespaces and a minimal read-only root.

Needs Linux with user namespaces; nothing has to be installed. See namespaces(7), user_namespaces(7).
"""

import os
import re
from pathlib import Path
from typing import TypedDict

from . import kernel
from .confine import NOBODY, SCRATCH

_ROOT = "/proc"
"""Mount point of the new root: a folder that every machine has, and from which nothing is bound.

The tmpfs is mounted over it in this process's own mount namespace; the machine's /proc does not change. There is then
no /proc inside, so other processes' memory and environment can't be reached through it.
"""
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


class View(TypedDict):
    """File system seen by the program: read-only folders of the machine, and symbolic links."""

    folders: list[str]
    links: dict[str, str]


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _map_users(process: int) -> None:
    """Map the users and groups of `process`.

    A line is "inside outside count". Root maps 0 and nobody one to one: programs run as nobody, because the kernel does
    not limit root's number of processes. An ordinary user can map only one id, their own, which is nobody inside.
    """
    for kind, own in (("uid", os.geteuid()), ("gid", os.getegid())):
        path = f"/proc/{process}/{kind}_map"
        try:
            _write(
                path, f"0 0 1\n{NOBODY} {NOBODY} 1\n" if own == 0 == os.geteuid() else f"{NOBODY} {own} 1\n"
            )
        except OSError:
            # The kernel lets an ordinary user map a group only after setgroups(2) was denied irreversibly: a group may
            # also serve to keep its members from a file, and leaving the group would open it to them.
            if kind == "gid":
                _write(f"/proc/{process}/setgroups", "deny")
            _write(path, f"{NOBODY} {own} 1\n")


def _leave_with_helper() -> None:
    """Unshare, while a helper process that stays outside writes the maps.

    A process that has left its user namespace has no rights in the old one, so it could not write a map that names
    other users than itself. The helper is forked first and waits for one byte. If `unshare` fails, the pipe closes
    without that byte, the helper ends with status 1, and the error of `unshare` is raised.
    """
    ready_read, ready_write = os.pipe()
    process = os.getpid()
    helper = os.fork()
    if helper == 0:
        status = 1
        try:
            os.close(ready_write)
            if os.read(ready_read, 1):
                _map_users(process)
                status = 0
        finally:
            os._exit(status)
    os.close(ready_read)
    try:
        kernel.unshare(
            kernel.NEW_USER
            | kernel.NEW_PID
            | kernel.NEW_NET
            | kernel.NEW_MOUNT
            | kernel.NEW_IPC
            | kernel.NEW_UTS
            | kernel.NEW_CGROUP
        )
        os.write(ready_write, b"1")
    finally:
        os.close(ready_write)
        status = os.waitpid(helper, 0)[1]
    if status:
        raise OSError("users could not be mapped")


def _touch(path: str, folder: bool) -> None:
    place = Path(path)
    (place if folder else place.parent).mkdir(parents=True, exist_ok=True)
    if not folder:
        place.touch()


def _make_read_only(mountinfo: int) -> None:
    """Remount everything under the new root read-only, including mounts within bound folders.

    Read-only is a property of each mount, not of the tree: binding a folder recursively brings in writable mounts
    below it. `mountinfo` lists them all. It was opened before the new root covered /proc, and is read from its start
    here. Spaces and some other characters in its paths are octal escapes.
    """
    os.lseek(mountinfo, 0, os.SEEK_SET)
    text = b"".join(iter(lambda: os.read(mountinfo, 1 << 16), b"")).decode()
    for line in text.splitlines():
        path = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), line.split()[4])
        if path == _ROOT or path.startswith(_ROOT + "/"):
            # An ordinary user may not clear the flags that a mount has, so they are set again.
            flags = os.statvfs(path).f_flag & 0b1111 | kernel.READ_ONLY
            kernel.mount("none", path, None, kernel.BIND | kernel.REMOUNT | flags)


def _build_root(view: View) -> None:
    """Build a read-only root of what `view` lists, and make it the root; nothing else remains reachable."""
    # private: no mount made here may appear outside, whatever the machine's default
    kernel.mount("none", "/", None, kernel.RECURSIVE | kernel.PRIVATE)
    mountinfo = os.open("/proc/self/mountinfo", os.O_RDONLY)
    kernel.mount("tmpfs", _ROOT, "tmpfs", kernel.NO_SUID | kernel.NO_DEV, "size=1m,mode=755")
    for path in [*view["folders"], *_DEVICES]:
        _touch(_ROOT + path, Path(path).is_dir())
        kernel.mount(path, _ROOT + path, None, kernel.BIND | kernel.RECURSIVE)
    for path, target in view["links"].items():
        Path(_ROOT + path).symlink_to(target)
    Path(_ROOT + SCRATCH).mkdir()  # empty; each program mounts its own folder over it (confine.empty_scratch)
    _make_read_only(mountinfo)
    os.close(mountinfo)
    kernel.change_root(_ROOT)


def enter(view: View) -> None:
    """Continue as the first process of new namespaces; the caller's process stays outside and waits.

    Raises OSError, in either process, if the kernel or a container refuses.
    """
    _leave_with_helper()
    # A new process namespace begins with the next child, which is its process 1: when it ends, the kernel kills all
    # other processes in the namespace. The caller itself can't be inside, so it waits.
    inner = os.fork()
    if inner:
        # This also closes the judge's socket here: if the inner process dies, the judge must see the socket close.
        os.closerange(3, 4096)
        status = os.waitpid(inner, 0)[1]
        os._exit(1 if status else 0)
    kernel.die_with_parent()
    _build_root(view)
    kernel.set_host_name("sandbox")
