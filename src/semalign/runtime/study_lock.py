"""One run of a study at a time in a folder, told by a lock that the kernel drops when its holder dies.

A workflow run that was killed leaves Snakemake's own lock files and half-written artifacts behind. The kernel's
lock tells them from those of a run that is alive: whoever holds it may remove what a dead run left.
"""

import errno
import fcntl
import os
from pathlib import Path
from typing import TextIO

from semalign.runtime.errors import UserError
from semalign.runtime.files import remove_partial
from semalign.runtime.snakemake_internals import STATE, remove_stale_locks

_held: list[TextIO] = []  # keeps the files open, and so the locks, until this process ends


def hold_study(study: str, only_look: bool = False) -> bool:
    """Become the one run of a study in this folder, and clear away what a killed run of it left.

    With `only_look` nothing is held or removed; false when another run is at work, whose settings must stay.
    Raises UserError when another run of it lives, here or on a machine that shares the folder.
    """
    STATE.mkdir(exist_ok=True)
    handle = (STATE / f"{study}.lock").open("a+", encoding="ascii")
    if not _lock(handle):
        if only_look:
            return False
        handle.seek(0)
        raise UserError(
            f"results/{study}: another run (process {handle.read().strip()}) is at work here, expected one at a "
            "time; wait for it or stop it"
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
    """Take the kernel's lock; where the file system has none, Snakemake's own must do."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True
