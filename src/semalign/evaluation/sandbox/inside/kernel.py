"""System calls that Python 3.11 does not offer, through ctypes. Each raises OSError with the call's name."""

import ctypes
import os

# flags of unshare(2)
NEW_MOUNT = 0x20000
NEW_CGROUP = 0x2000000
NEW_UTS = 0x4000000
NEW_IPC = 0x8000000
NEW_USER = 0x10000000
NEW_PID = 0x20000000
NEW_NET = 0x40000000

# flags of mount(2) and umount2(2)
READ_ONLY = 1
NO_SUID = 2
NO_DEV = 4
NO_EXEC = 8
REMOUNT = 32
BIND = 4096
RECURSIVE = 16384
PRIVATE = 1 << 18
DETACH = 2

# operations of prctl(2)
_PDEATHSIG = 1
_DUMPABLE = 4
_SECCOMP = 22
_CAPBSET_DROP = 24
_CHILD_SUBREAPER = 36
_NO_NEW_PRIVS = 38
_CAP_AMBIENT = 47
_SIGKILL = 9

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, call: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def _prctl(option: int, *values: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    _check(_libc.prctl(option, *padded), f"prctl {option}")


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags`."""
    _check(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Mount; paths as in mount(2)."""
    texts = [text.encode() if text is not None else None for text in (source, target, kind, data)]
    _check(_libc.mount(*texts[:3], ctypes.c_ulong(flags), texts[3]), f"mount {target}")


def change_root(folder: str) -> None:
    """Make the mount point `folder` the root, and unmount the old one."""
    os.chdir(folder)
    _check(_libc.pivot_root(b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", DETACH), "umount2")
    os.chdir("/")


def set_host_name(name: str) -> None:
    """Set the host name; needs a private UTS namespace."""
    _check(_libc.sethostname(name.encode(), len(name)), "sethostname")


def die_with_parent() -> None:
    """Have this process killed when its parent thread ends; a change of user resets this, so call it after one."""
    _prctl(_PDEATHSIG, _SIGKILL)


def forbid_tracing() -> None:
    """Deny other processes of the same user access to this process's memory and descriptors."""
    _prctl(_DUMPABLE, 0)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent has ended."""
    _prctl(_CHILD_SUBREAPER, 1)


def forbid_new_privileges() -> None:
    """Keep every program started from here from gaining privileges; an ordinary user needs this to install a filter."""
    _prctl(_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Give up every capability, irreversibly."""
    _prctl(_CAP_AMBIENT, 4)
    for capability in range(64):
        try:
            _prctl(_CAPBSET_DROP, capability)
        except OSError:  # not a capability of this kernel, or no right to drop from the bounding set
            break
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    _check(_libc.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())), "capset")


def install_filter(program: bytes) -> None:
    """Install a seccomp filter, given as packed BPF instructions of 8 bytes."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))

    packed = Program(len(program) // 8, program)
    _prctl(_SECCOMP, 2, ctypes.addressof(packed))
