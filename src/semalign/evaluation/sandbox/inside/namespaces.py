"""A machine of one's own out of what the kernel gives an ordinary user: namespaces and a bare read-only root.

Needs Linux with user namespaces; nothing has to be installed. See namespaces(7), user_namespaces(7).
"""

import os
import re
from pathlib import Path
from typing import TypedDict

from . import kernel
from .confine import NOBODY, SCRATCH

_ROOT = "/proc"
"""The new root is put together over a folder that every machine has and that holds nothing we bind.

The tmpfs is mounted over it in this process's own mount namespace; the machine's /proc stays as it is. Inside there is
then no /proc at all, and so no way to other processes' memory or environment through it.
"""
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


class View(TypedDict):
    """What is seen inside: folders of the machine, read only, and symbolic links."""

    folders: list[str]
    links: dict[str, str]


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _map_users(process: int) -> None:
    """Map users and groups of `process`; root also lends `nobody`, whom the limit of processes holds.

    A line is "inside outside count". Root maps 0 and nobody one to one: the kernel does not count root's processes, so
    programs run as nobody. An ordinary user can map but one id, their own, and is called nobody inside.
    """
    for kind, own in (("uid", os.geteuid()), ("gid", os.getegid())):
        path = f"/proc/{process}/{kind}_map"
        try:
            _write(
                path, f"0 0 1\n{NOBODY} {NOBODY} 1\n" if own == 0 == os.geteuid() else f"{NOBODY} {own} 1\n"
            )
        except OSError:
            # The kernel lets an ordinary user map a group only after setgroups(2) was denied for good: a group may
            # also be there to keep its members out of a file.
            if kind == "gid":
                _write(f"/proc/{process}/setgroups", "deny")
            _write(path, f"{NOBODY} {own} 1\n")


def _leave_with_helper() -> None:
    """Unshare, while a helper that stayed outside writes the maps, as only one with rights there may.

    A process that has left its user namespace has no rights in the old one, so it could not write a map that names
    other users than itself. The helper is forked before, and waits for one byte. If `unshare` fails, the pipe closes
    without that byte, the helper ends with status 1, and the error of `unshare` itself goes up.
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
    """Remount everything under the new root, mounts within bound folders too.

    Read-only is a property of each mount, not of the tree: binding a folder recursively brings in writable mounts
    below it. `mountinfo` lists them all; it was opened before the new root covered /proc, and is read again from its
    start. Paths in it have spaces and the like as octal escapes.
    """
    os.lseek(mountinfo, 0, os.SEEK_SET)
    text = b"".join(iter(lambda: os.read(mountinfo, 1 << 16), b"")).decode()
    for line in text.splitlines():
        path = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), line.split()[4])
        if path == _ROOT or path.startswith(_ROOT + "/"):
            # An ordinary user may not lift the flags that a mount has, so they are named again.
            flags = os.statvfs(path).f_flag & 0b1111 | kernel.READ_ONLY
            kernel.mount("none", path, None, kernel.BIND | kernel.REMOUNT | flags)


def _build_root(view: View) -> None:
    """Put together a root of what `view` lists, read only, and move into it; nothing else remains reachable."""
    # private: no mount made here may appear outside, whatever the machine's setting
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
    """Go on as the first process of fresh namespaces; the caller's process stays outside and waits.

    Raises OSError, in either process, where the kernel or a container refuses.
    """
    _leave_with_helper()
    # A new process namespace begins with the next child, which is its process 1: when it ends, the kernel kills all
    # others in there. So the caller can't be inside itself, and waits.
    inner = os.fork()
    if inner:
        # the judge's socket among them: if the inner process dies, the judge must see the socket close
        os.closerange(3, 4096)
        status = os.waitpid(inner, 0)[1]
        os._exit(1 if status else 0)
    kernel.die_with_parent()
    _build_root(view)
    kernel.set_host_name("sandbox")
