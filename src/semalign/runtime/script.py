"""What every script shares: logging, one-line errors, exit codes, and dying with the run that started it."""

import errno
import gc
import logging
import os
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

from semalign.runtime.errors import UserError
from semalign.runtime.fork_server import delegate
from semalign.runtime.secrets import log_masked, masked

RUNNER_VARIABLE = "SEMALIGN_RUNNER"
_NO_ROOM = {
    errno.ENOSPC: ("the disk is full", "free some space"),
    errno.EDQUOT: ("the disk quota is used up", "free some space"),
    errno.EFBIG: ("a file would pass this session's limit of size", "raise it (ulimit -f)"),
}
# between two searches for garbage; at Python's 700, imports spend a tenth of their time searching
ALLOCATIONS = 100_000
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


def run_stage(stage: str, online: bool = False) -> None:
    """Run the stage `module:function` with the options on the command line.

    Nothing is imported for it before the fork server was asked, which has the libraries in memory.
    """

    def main() -> None:
        from semalign.runtime.command import call, load_stage

        call(load_stage(stage), sys.argv[1:])

    run(main, online)


def run(main: Callable[[], None], online: bool = False) -> None:
    """Run a script's `main`; what a user can cause becomes one line on standard error and exit status 1.

    Only a script that fetches is `online`: the others never ask the hub, so that they run where there is none.
    """
    gc.set_threshold(ALLOCATIONS)
    if not online:
        go_offline()
    status = delegate()
    if status is not None:
        sys.exit(status)
    quiet_libraries()
    log_masked(logging.WARNING)
    logging.getLogger("semalign").setLevel(logging.INFO)
    _die_with_runner()
    try:
        main()
    except UserError as error:
        sys.exit(masked(f"error: {error}"))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if line := explain_full_disk(error):
            sys.exit(masked(line))
        text = traceback.format_exc()
        if masked(text) == text:
            raise
        sys.exit(masked(text))


def go_offline() -> None:
    """Let nothing in this process, or started by it, ask the hub; also where its library is loaded already."""
    os.environ.update(OFFLINE)
    if constants := sys.modules.get("huggingface_hub.constants"):
        constants.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]


def explain_full_disk(error: BaseException) -> str | None:
    """The line for a full disk, quota or file; None for any other error. Libraries in Rust only say so in words."""
    number = error.errno if isinstance(error, OSError) else None
    codes = (code for code in _NO_ROOM if number == code or f"os error {code}" in str(error))
    if (code := next(codes, None)) is None:
        return None
    file = getattr(error, "filename", None) or "an artifact"
    why, remedy = _NO_ROOM[code]
    return f"error: {why} while writing {file}; {remedy} and start again"


def quiet_libraries() -> None:
    """Keep other packages' progress bars and deprecation notes out of a run's own progress lines."""
    os.environ["TQDM_DISABLE"] = "1"
    os.environ["PYTHONWARNINGS"] = "ignore::FutureWarning,ignore::DeprecationWarning"
    warnings.simplefilter("ignore", FutureWarning)


def prepare_environment(watched: bool, device: str = "auto") -> None:
    """What the jobs of a run find in their environment: this interpreter first, one thread each.

    Two jobs of two threads each would slow each other down many times over. With `watched`, jobs end when this
    process is gone; it is named by machine, process id and start time.
    """
    quiet_libraries()
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # the same bytes twice on a GPU
    if device != "auto":
        os.environ["SEMALIGN_DEVICE"] = device
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    if watched:
        os.environ[RUNNER_VARIABLE] = f"{_machine()}:{os.getpid()}:{_start_time(os.getpid())}"


def _die_with_runner() -> None:
    """End this process when the run that started it was killed, so that no orphan writes into the next run.

    Snakemake killed with SIGKILL leaves its shells running. On another machine (a cluster node) nothing is
    watched.
    """
    machine, _, rest = os.environ.get(RUNNER_VARIABLE, "").partition(":")
    pid, _, started = rest.partition(":")
    if machine == _machine() and pid.isdigit() and started:
        threading.Thread(target=_watch, args=(int(pid), started), daemon=True).start()


def _watch(pid: int, started: str) -> None:
    while _start_time(pid) == started:
        time.sleep(0.3)
    os._exit(143)


def _machine() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _start_time(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return ""
