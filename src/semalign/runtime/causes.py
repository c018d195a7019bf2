"""Errors of the machine in one line: permissions, full disks, limits of the session, memory.

A user causes and can mend these as much as a wrong config, but Python and the libraries raise their own exceptions.
"""

import errno
import os
import re
import resource

# number of an error -> what happened, and what to do
_SPACE = {
    errno.ENOSPC: ("the disk is full", "free some space"),
    errno.EDQUOT: ("the disk quota is used up", "free some space"),
    errno.EFBIG: ("a file would exceed this session's file-size limit", "raise it (ulimit -f)"),
}
_ACCESS = {
    errno.EACCES: "permission denied; expected a path that this user may read and write (see its owner and mode)",
    errno.EPERM: "not permitted; expected a path that this user may change (see its owner and flags)",
    errno.EROFS: "on a read-only file system; expected a path that can be written",
    errno.ENOENT: "no such file or folder",
    errno.ENOTDIR: "a part of this path is a file, expected a folder",
    errno.EISDIR: "found a folder, expected a file",
    errno.EEXIST: "exists already, and is not what was expected there",
    errno.ENOTEMPTY: "not an empty folder, expected one; another process may be writing there",
    errno.ENAMETOOLONG: "a name that is too long for this file system; use a shorter one",
    errno.ELOOP: "a link that leads to itself; expected a file or folder",
    errno.EIO: "the disk failed to read or write (input/output error)",
    errno.ESTALE: "the network file system has lost this file; start again",
    errno.ETXTBSY: "in use by a running program",
    errno.EMLINK: "too many links or subfolders; use another file system",
}
_OPEN = {
    errno.EMFILE: "too many open files: this session's limit is {limit}; raise it (ulimit -n 1024) and start again",
    errno.ENFILE: "too many open files on this machine; close some programs and start again",
    errno.EAGAIN: "this machine or session has no room for another process; raise the limit (ulimit -u)",
}
_MEMORY = "{what}: not enough memory{limit}; use a smaller model or batch, or fewer jobs at a time (--cores)"
_ALLOCATION = re.compile(
    r"can't allocate memory|cannot allocate memory|out of memory|bad_alloc", re.IGNORECASE
)
_NUMBER = re.compile(r"\(os error (\d+)\)")


def explain(error: BaseException) -> str | None:
    """One line for an error that the machine or the session causes; None for any other, such as a fault in the code.

    Libraries written in Rust, such as safetensors, give the error number only in the text of the error.
    """
    if is_memory(error):
        return _MEMORY.format(what=_what(error), limit=_address_space())
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (found := _NUMBER.search(str(error))):
        number = int(found[1])
    file = _shown(getattr(error, "filename", None))
    if number in _SPACE:
        why, remedy = _SPACE[number]
        return f"{why} while writing {file or 'an artifact'}; {remedy} and start again"
    if number in _OPEN:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return (f"{file}: " if file else "") + _OPEN[number].format(limit=limit)
    if number in _ACCESS and file:
        return f"{file}: {_ACCESS[number]}"
    return None


def is_memory(error: BaseException) -> bool:
    """Whether memory ran out: in Python, in the kernel, in torch on a CPU or on a GPU."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return isinstance(error, RuntimeError | ImportError) and bool(_ALLOCATION.search(str(error)))


def _what(error: BaseException) -> str:
    return "GPU" if "CUDA" in str(error) else "this machine"


def _address_space() -> str:
    """The limit on the memory of a process, if this session has one."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return (
        "" if limit == resource.RLIM_INFINITY else f" (this session's limit, ulimit -v, is {limit >> 20} MB)"
    )


def _shown(file: str | bytes | int | None) -> str:
    """A path relative to the working directory if it is below it; empty if the error names none."""
    if file is None or isinstance(file, int):
        return ""
    file = os.fsdecode(file)
    try:
        relative = os.path.relpath(file)
    except (OSError, ValueError):
        return file
    return file if relative.startswith("..") else relative
