"""All code that relies on Snakemake's internals, i.e. on attributes and files that are not part of its public API.

No other module may use them. This module is written for the version in requirements.lock, and its tests fail if
another version differs. In that case, check every function of this file first and change `WRITTEN_FOR` last.
"""

from pathlib import Path
from typing import Any

from semalign.runtime.provenance import portable

WRITTEN_FOR = "9.27.1"
# folder of Snakemake's own state, below the folder that it runs in
STATE = Path(".snakemake")
# the logger plugin in src/snakemake_logger_plugin_semalign
LOGGER = "semalign"


def is_main_process(workflow: Any) -> bool:
    """Return whether this process is the run itself, and not a job of it that parses the workflow again (cluster)."""
    return bool(workflow.is_main_process)


def is_dry_run(workflow: Any) -> bool:
    """Return whether this run only plans (`--dry-run`)."""
    return bool(workflow.output_settings.dryrun)


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
