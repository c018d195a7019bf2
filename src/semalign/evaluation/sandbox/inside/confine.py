"""Restrict the current process before it runs a program: files, privileges, resources."""

import contextlib
import itertools
import os
import random
import resource
from typing import TypedDict

from . import kernel, seccomp

NOBODY = 65534
SCRATCH = "/sandbox"
"""Not /tmp, because an interpreter may be installed there, which must stay visible."""
_DESCRIPTORS = 64


class Limits(TypedDict):
    """The limits as JSON carries them; units as in the config's section `sandbox`."""

    wall_seconds: float
    cpu_seconds: int
    memory_mb: int
    processes: int
    file_mb: int
    output_kb: int


def keep_descriptors(*wanted: int) -> None:
    """Close every descriptor except 0, 1, 2 and `wanted`."""
    edges = [2, *sorted(wanted), min(os.sysconf("SC_OPEN_MAX"), 4096)]
    for low, high in itertools.pairwise(edges):
        os.closerange(low + 1, high)


def empty_scratch(limits: Limits) -> None:
    """Mount an empty scratch folder for this process and its children; needs the right to mount.

    The mount is in a new namespace, so it disappears with the last of these processes.
    """
    kernel.unshare(kernel.NEW_MOUNT)
    options = f"size={limits['file_mb']}m,nr_inodes=4096,mode=700,uid={NOBODY},gid={NOBODY}"
    kernel.mount("tmpfs", SCRATCH, "tmpfs", kernel.NO_SUID | kernel.NO_DEV | kernel.NO_EXEC, options)
    os.chdir(SCRATCH)


def become_nobody() -> None:
    """Change to an unprivileged user irreversibly if possible; an ordinary user stays the same."""
    for change in (
        lambda: os.setgroups([]),
        lambda: os.setresgid(*[NOBODY] * 3),
        lambda: os.setresuid(*[NOBODY] * 3),
    ):
        with contextlib.suppress(OSError):
            change()


def limit_resources(limits: Limits) -> None:
    """Set the limits that the kernel enforces per process; they can't be raised again."""
    megabyte = 1 << 20
    values = {
        "RLIMIT_CPU": limits["cpu_seconds"],
        "RLIMIT_AS": limits["memory_mb"] * megabyte,
        # Three more for the sandbox's own processes, which may have the same user. Before Linux 5.14 all
        # processes of a user count, so there a program may get fewer, never more.
        "RLIMIT_NPROC": limits["processes"] + 3,
        "RLIMIT_FSIZE": limits["file_mb"] * megabyte,
        "RLIMIT_NOFILE": _DESCRIPTORS,
        "RLIMIT_CORE": 0,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 0,
    }
    for name, value in values.items():
        number = getattr(resource, name, None)
        if number is not None:
            hard = resource.getrlimit(number)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(number, (value, value))


def confine(isolation: str, limits: Limits, *descriptors: int, scratch: bool = False) -> None:
    """Confine this process, keeping only `descriptors`. The order matters: each step gives up a right."""
    keep_descriptors(*descriptors)
    if scratch and isolation in ("bubblewrap", "namespaces"):
        empty_scratch(limits)
    become_nobody()
    limit_resources(limits)
    if isolation == "weak":
        os.setpgid(0, 0)
    else:
        kernel.die_with_parent()
        kernel.forbid_tracing()
        kernel.drop_capabilities()
        kernel.forbid_new_privileges()
        if seccomp.available():
            kernel.install_filter(seccomp.assemble(os.getpid(), closed=isolation == "seccomp"))
    # Programs that draw random numbers get the same ones in every run.
    random.seed(0)
