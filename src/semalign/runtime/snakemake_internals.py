"""All code that relies on Snakemake's internals, i.e. on attributes and files that are not part of its public API.

No other module may use them. This module is written for the version in requirements.lock, and its tests fail if
another version differs. In that case, check every function of this file first and change `WRITTEN_FOR` last.
"""

import sys
from pathlib import Path
from typing import Any

from semalign.runtime.provenance import portable

WRITTEN_FOR = "9.27.1"
# folder of Snakemake's own state, below the folder that it runs in
STATE = Path(".snakemake")
# the logger plugin in src/snakemake_logger_plugin_semalign
LOGGER = "semalign"


# options with which Snakemake only shows something: it runs no job and changes no result
LOOKING = (
    *("dryrun", "dag", "rulegraph", "filegraph", "d3dag", "summary", "detailed_summary", "lint"),
    *("list_rules", "list_target_rules", "print_compilation", "list_conda_envs", "list_untracked"),
    *("list_changes", "list_input_changes", "list_params_changes", "report", "archive", "containerize"),
    "generate_unit_tests",
)
# options that remove or mark results, so that what is stored may be damaged
REPAIRING = ("touch", "unlock", "cleanup_metadata", "delete_all_output", "delete_temp_output")


def arguments() -> Any:
    """The options of the command line and of profiles that this process of Snakemake was started with.

    None if Snakemake's function that parses them is not running, such as in a test.
    """
    frame = sys._getframe()
    while frame and frame.f_code.co_name != "args_to_api":
        frame = frame.f_back  # type: ignore[assignment]
    return frame.f_locals.get("args") if frame else None


def given(options: tuple[str, ...]) -> list[str]:
    """Those of these options that this process was started with, as a user writes them."""
    started = arguments()
    names = (name for name in options if getattr(started, name, None) not in (None, False))
    return [f"--{name.replace('_', '-')}" for name in names]


def is_main_process(workflow: Any) -> bool:
    """Return whether this process is the run itself, and not a job of it that parses the workflow again (cluster)."""
    return bool(workflow.is_main_process)


def only_looks(workflow: Any) -> bool:
    """Return whether this run only plans (`--dry-run`) or shows something (`--dag`, `--summary`)."""
    return bool(workflow.output_settings.dryrun or given(LOOKING))


def runs_here(workflow: Any) -> bool:
    """Return whether jobs run on this machine; false with a cluster's executor."""
    return bool(workflow.local_exec)


def config_files(workflow: Any) -> list[str]:
    """Return the config files of this run as a user would name them, those outside the folder by their last part."""
    return [portable(path) for path in workflow.configfiles]


def shows_progress(workflow: Any) -> bool:
    """Return whether this run shows its progress by our own logger plugin, not by Snakemake's messages."""
    settings = workflow.output_settings
    return LOGGER in settings.log_handler_settings and not (settings.verbose or settings.printshellcmds)


def lift_rate_limit(workflow: Any) -> None:
    """Remove the limit on job starts per second. Call this in `onstart`, when the scheduler exists.

    With the limiter, every finished job wakes the scheduler once per second for the rest of the run. After a few
    hundred jobs this keeps a core busy. On one machine, `--cores` limits the jobs anyway.
    """
    workflow.scheduler.job_rate_limiter = None


def remove_stale_locks(study: str) -> None:
    """Remove Snakemake's lock files that name artifacts of this study.

    A killed run does not remove them, and the next run would refuse to start. `snakemake --unlock` would also remove
    those of other studies, which may be running.
    """
    for lock in (STATE / "locks").glob("*.lock"):
        if f"results/{study}/" in lock.read_text(encoding="utf-8", errors="replace"):
            lock.unlink(missing_ok=True)
