"""Start and end of every script: logging, one-line errors, exit codes, and ending with the run that started it."""

import gc
import itertools
import logging
import os
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from semalign.runtime.causes import explain
from semalign.runtime.errors import UserError
from semalign.runtime.fork_server import delegate
from semalign.runtime.secrets import log_masked, masked

RUNNER_VARIABLE = "SEMALIGN_RUNNER"
# allocations between two runs of the garbage collector; with Python's 700, a tenth of import time is garbage collection
ALLOCATIONS = 100_000
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


def run_stage(stage: str, online: bool = False) -> None:
    """Run the stage `module:function` with the options on the command line.

    The stage is imported only if the fork server, which has the libraries in memory, does not take the script.
    """

    def main() -> None:
        from semalign.runtime.command import call, load_stage

        call(load_stage(stage), sys.argv[1:])

    run(main, online)


def run(main: Callable[[], None], online: bool = False) -> None:
    """Run a script's `main`; an error that a user can cause becomes one line on standard error and exit status 1.

    Only scripts that download are `online`. All others never contact the hub, so that they run without internet.
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
        sys.exit(masked(error.report()))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        sys.exit(masked(report(error)))


def report(error: Exception) -> str:
    """What to print for an error that no stage expects: one line per mistake in the settings or cause in the machine.

    Anything else is a fault in the code: its traceback is followed by a line that asks for a report.
    """
    pydantic = sys.modules.get(
        "pydantic"
    )  # not imported here, since every job waits for the imports of this file
    if pydantic and isinstance(error, pydantic.ValidationError):
        return UserError(*_mistakes(error)).report()
    if line := explain(error):
        return f"error: {line}"
    lines = "".join(traceback.format_exception_only(error)).strip().splitlines()
    reason = next((line for line in lines if line.strip()), type(error).__name__)
    last = f"error: internal error: {reason}; please report it with this log"
    return f"{''.join(traceback.format_exception(error))}{last}"


def _mistakes(error: Any) -> Iterator[str]:
    """One line per mistake in a stage's settings, with the file if the stage was given one."""
    following = dict(itertools.pairwise(sys.argv))
    where = following.get("--settings", f"settings of {error.title}")
    for item in error.errors():
        key = ".".join(map(str, item["loc"])) or "settings"
        if item["type"] == "extra_forbidden":
            yield f"{where}: found unknown key {key!r}"
        else:
            value = "" if isinstance(item["input"], dict) else f" (found {item['input']!r})"
            yield f"{where}: {key}: {item['msg'][0].lower()}{item['msg'][1:]}{value}"


def go_offline() -> None:
    """Keep this process and its children from contacting the hub, even if huggingface_hub is already imported."""
    os.environ.update(OFFLINE)
    # the library reads the variable when it is imported, and the fork server has imported it
    if constants := sys.modules.get("huggingface_hub.constants"):
        constants.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]


def quiet_libraries() -> None:
    """Silence progress bars and deprecation warnings of other packages, which would hide a run's own progress."""
    os.environ["TQDM_DISABLE"] = "1"
    os.environ["PYTHONWARNINGS"] = "ignore::FutureWarning,ignore::DeprecationWarning"
    warnings.simplefilter("ignore", FutureWarning)


def prepare_environment(watched: bool, device: str = "auto") -> None:
    """Set the environment variables that the jobs of a run inherit: this interpreter first in PATH, one thread each.

    Two jobs with two threads each on two cores would slow each other down many times over. With `watched`, jobs end
    when this process ends. They know it by machine, process id and start time, since a process id may be reused.
    """
    quiet_libraries()
    os.environ["OMP_NUM_THREADS"] = "1"
    # cuBLAS needs this to be deterministic: the same bytes in every run on a GPU
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if device != "auto":
        os.environ["SEMALIGN_DEVICE"] = device
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    if watched:
        os.environ[RUNNER_VARIABLE] = f"{_machine()}:{os.getpid()}:{_start_time(os.getpid())}"


def _die_with_runner() -> None:
    """End this process when the run that started it has ended, so that no orphan writes into the next run.

    If Snakemake is killed with SIGKILL, its shells keep running. A job on another machine (a cluster node) is not
    watched.
    """
    machine, _, rest = os.environ.get(RUNNER_VARIABLE, "").partition(":")
    pid, _, started = rest.partition(":")
    if machine == _machine() and pid.isdigit() and started:
        threading.Thread(target=_watch, args=(int(pid), started), daemon=True).start()


def _watch(pid: int, started: str) -> None:
    """Exit as soon as the process with this id is gone, or is another one that started later."""
    while _start_time(pid) == started:
        time.sleep(0.3)
    os._exit(143)


def _machine() -> str:
    """Return an id of this machine that changes with every boot; empty if there is none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _start_time(pid: int) -> str:
    """Return the start time of a process, in clock ticks since boot; empty if there is no such process."""
    try:
        # field 22 of the line, counted from the end of the name, which may contain spaces and parentheses
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return ""
