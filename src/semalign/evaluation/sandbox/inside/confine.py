"""What a process of a sandbox gives up before it runs anything: files, rights, resources."""

import contextlib
import itertools
import os
import random
import resource
from typing import TypedDict

from . import kernel, seccomp

NOBODY = 65534
SCRATCH = "/sandbox"
"""Not /tmp, where an interpreter may live that must stay visible."""
_DESCRIPTORS = 64


class Limits(TypedDict):
    """The limits in a form that crosses as JSON; units as in the configuration's section."""

    wall_seconds: float
    cpu_seconds: int
    memory_mb: int
    processes: int
    file_mb: int
    output_kb: int


def keep_descriptors(*wanted: int) -> None:
    """Close every descriptor but 0, 1, 2 and those wanted."""
    edges = [2, *sorted(wanted), min(os.sysconf("SC_OPEN_MAX"), 4096)]
    for low, high in itertools.pairwise(edges):
        os.closerange(low + 1, high)


def empty_scratch(limits: Limits) -> None:
    """Give this process an empty folder of its own, gone when its last process is; needs mount rights."""
    kernel.unshare(kernel.NEW_MOUNT)
    options = f"size={limits['file_mb']}m,nr_inodes=4096,mode=700,uid={NOBODY},gid={NOBODY}"
    kernel.mount("tmpfs", SCRATCH, "tmpfs", kernel.NO_SUID | kernel.NO_DEV | kernel.NO_EXEC, options)
    os.chdir(SCRATCH)


def become_nobody() -> None:
    """Change to an unprivileged user for good where that is possible; an ordinary user stays who they are."""
    for change in (
        lambda: os.setgroups([]),
        lambda: os.setresgid(*[NOBODY] * 3),
        lambda: os.setresuid(*[NOBODY] * 3),
    ):
        with contextlib.suppress(OSError):
            change()


def limit_resources(limits: Limits) -> None:
    """Set what the kernel counts for each process, without a way back."""
    megabyte = 1 << 20
    values = {
        "RLIMIT_CPU": limits["cpu_seconds"],
        "RLIMIT_AS": limits["memory_mb"] * megabyte,
        # Three more: the sandbox's own processes, which have the same user where there is but one. Before
        # Linux 5.14 all of a user's processes count, so there a program may get fewer, never more.
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
    """Shut this process in, keeping only `descriptors`; the order matters, each step takes a right away."""
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
    # Programs that draw numbers get the same ones in every run.
    random.seed(0)
