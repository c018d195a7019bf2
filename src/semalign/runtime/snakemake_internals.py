"""Everything that relies on Snakemake's internals: attributes and files that its documentation does not promise.

Only this module may reach into them. It is written for one version, the one in requirements.lock. Its test fails when
another version has moved something: then read this file first, and change `WRITTEN_FOR` last.
"""

from pathlib import Path
from typing import Any

WRITTEN_FOR = "9.27.1"
# where Snakemake keeps its own state, below the folder that it runs in
STATE = Path(".snakemake")


def is_main_process(workflow: Any) -> bool:
    """Return whether this is the run itself, not a job of it: jobs on a cluster parse the workflow again."""
    return bool(workflow.is_main_process)


def is_dry_run(workflow: Any) -> bool:
    """Return whether this run only plans (`--dry-run`)."""
    return bool(workflow.output_settings.dryrun)


def runs_here(workflow: Any) -> bool:
    """Return whether jobs run on this machine; false with a cluster's executor."""
    return bool(workflow.local_exec)


def lift_rate_limit(workflow: Any) -> None:
    """Let jobs start without a limit per second. Call this when the scheduler exists (`onstart`).

    With the limiter, each job that has ended wakes the scheduler once per second ever after. After a few hundred jobs
    this keeps a core busy. On one machine `--cores` limits the jobs anyway.
    """
    workflow.scheduler.job_rate_limiter = None


def remove_stale_locks(study: str) -> None:
    """Remove Snakemake's lock files that name artifacts of this study; another study may be at work.

    A run that was killed leaves them, and the next run would refuse to start. `snakemake --unlock` would remove those
    of other studies too.
    """
    for lock in (STATE / "locks").glob("*.lock"):
        if f"results/{study}/" in lock.read_text(encoding="utf-8", errors="replace"):
            lock.unlink(missing_ok=True)
