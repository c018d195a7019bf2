"""One run at a time in a folder, told by a lock that the kernel drops when its holder dies.

A workflow run that was killed leaves Snakemake's own lock files behind. The kernel's lock tells them from those
of a run that is alive: whoever holds it may remove what a dead run left.
"""

import fcntl
import shutil
from pathlib import Path
from typing import TextIO

_held: list[TextIO] = []  # keeps the file open, and so the lock, until this process ends


def hold_folder(folder: Path) -> bool:
    """Take the kernel's lock on `folder` and remove stale lock files in it; false when another run lives."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = (folder / "alive.lock").open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        return False
    _held.append(handle)
    shutil.rmtree(folder / "locks", ignore_errors=True)
    return True
