"""A lock that allows one run of a study at a time in a folder, and that the kernel releases when the run dies.

A killed run leaves Snakemake's lock files and half-written artifacts. They look like those of a run that is
alive, but only a live run holds the kernel's lock. A run that obtains this lock may therefore remove them.
"""

import errno
import fcntl
import os
from pathlib import Path
from typing import TextIO

from semalign.runtime.errors import UserError
from semalign.runtime.files import remove_partial
from semalign.runtime.snakemake_internals import STATE, remove_stale_locks

_held: list[TextIO] = []  # open lock files: closing one, even by garbage collection, would release its lock


def hold_study(study: str, only_look: bool = False) -> bool:
    """Take the lock of a study in this folder, and remove the remains of a killed run.

    With `only_look`, nothing is locked or removed; returns false if another run is active, or if nothing can be written
    here. Raises UserError if another run of the study is active, on this machine or on one that shares the folder.
    """
    try:
        STATE.mkdir(exist_ok=True)
        handle = (STATE / f"{study}.lock").open("a+", encoding="ascii")
    except OSError:
        if only_look:
            return False
        raise
    if not _lock(handle):
        if only_look:
            return False
        handle.seek(0)
        raise UserError(
            f"results/{study}: found another run (process {handle.read().strip()}), expected one at a time; wait for "
            "it or stop it"
        )
    if only_look:
        handle.close()
        return True
    handle.truncate(0)
    print(os.getpid(), file=handle, flush=True)
    _held.append(handle)
    remove_stale_locks(study)
    remove_partial(Path("results") / study)
    return True


def _lock(handle: TextIO) -> bool:
    """Try to take the kernel's lock on a file; returns false if another process holds it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # any other error: the file system has no locks, and Snakemake's own lock files are the only protection
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True
