"""Output of a workflow run: one line per finished rule, progress, time left, and what failed.

On a terminal the last line is rewritten in place. In a file (a CI log) there are only whole lines: one per finished
rule, and one about progress from time to time. Jobs write only to their logs; the last line of a long job's log is
shown with the progress. Snakemake keeps its own messages in `.snakemake/log`.
"""

import functools
import io
import locale
import logging
import os
import textwrap
import threading
import time
from pathlib import Path
from typing import Any, TextIO

from semalign.runtime.progress import Job, Progress, span

TICK = 0.5  # seconds between two updates of a terminal's last line
PAUSE = 30.0  # minimum seconds between two lines about progress in a file
SHARE = 1 / 20  # and at least this share of the time since the start
VERDICT = 5  # maximum number of lines of the verdict at the end of a run
SHOWN = 6  # maximum number of exports that are named at the end of a run
LISTED = 20  # maximum number of jobs that a dry run lists one by one
# Snakemake's messages in every run
NOISE = (
    "Assuming unrestricted",
    "Building DAG",
    "Using shell",
    "Conda environments: ignored",
    "Singularity containers: ignored",
    "Complete log",
    "Elapsed time",
)
# the list of what failed says it better
FAILURES = (
    "RuleException:\nCalledProcessError",
    "Exiting because a job",
    "WorkflowError:\nAt least one job did not",
)
INTERRUPTED = ("Terminating processes on user request", "Will exit after finishing")


class Display:
    """Shows the messages of one run on a stream."""

    def __init__(self, stream: TextIO, *, dry: bool = False, quiet: bool = False, color: bool = True) -> None:
        self.stream = stream
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may not support every character
        self.dry, self.quiet = dry, quiet
        self.live = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.color = color and self.live
        self.progress: Progress | None = None
        self.planned: list[str] = []
        self.width = 0  # of the longest rule's name
        self.interrupted = self.closed = False
        self.shown = time.time()

    def show(self, record: logging.LogRecord) -> None:
        """Show one message of Snakemake, according to its `event`."""
        event = getattr(record, "event", None)
        takes = getattr(self, f"_{event}", None) if event else None
        takes(record) if takes else self._message(record)

    def _run_info(self, record: Any) -> None:
        if self.dry:
            listed = self.planned if len(self.planned) <= LISTED else []
            self._print("\n".join(listed) if self.planned else record.getMessage())
            return
        totals = {rule: number for rule, number in record.stats.items() if rule != "total"}
        self.progress, self.width = Progress(totals), max(map(len, totals), default=0)
        self._say(f"{self.progress.total} jobs")

    def _job_info(self, record: Any) -> None:
        message = record.rule_msg or record.rule_name
        if self.dry:
            self.planned.append(f"  {message}")
        elif self.progress:
            logs = [log for log in record.log or () if log.endswith(".log")]
            job = Job(message, record.rule_name, logs[0] if logs else None)
            self.progress.start(record.jobid, job)

    def _job_finished(self, record: Any) -> None:
        progress = self.progress
        if not progress or not (job := progress.finish(record.job_id)):
            return
        number = progress.done[job.rule]
        if number == progress.totals[job.rule] and job.rule != "all":
            jobs = f"{number} job{'s' * (number > 1)}"
            each = span(progress.seconds[job.rule] / number) + " each" * (number > 1)
            self._say(f"{job.rule:{self.width}}  {jobs:>9}  {each}")
        if progress.done.total() == progress.total:
            self._say(f"all {progress.total} jobs finished")
        self.tick()

    def _job_error(self, record: Any) -> None:
        if self.progress and not self.interrupted and (failed := self.progress.fail(record.jobid)):
            job, error = failed
            self._say(f"failed: {job.message}: {error}", style="31", always=True)

    def _message(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if getattr(record, "ours", False):
            self._print("" if self.quiet else self._wrap(text))
        elif text.startswith(INTERRUPTED):
            self.interrupted = True
        elif record.levelno >= logging.ERROR:
            if not text.startswith(FAILURES):
                self._print(text, style="31")
        elif self._is_worth_saying(record, text):
            self._print(text.replace("\n    (check individual jobs above for details)", ""))

    def _is_worth_saying(self, record: logging.LogRecord, text: str) -> bool:
        """Whether to show a message: all from the Snakefile; once jobs run, only warnings from Snakemake."""
        if self.quiet or not text or text == "None" or getattr(record, "event", None):
            return False
        return getattr(record, "ours", False) or (
            record.levelno >= logging.WARNING or (not self.progress and not text.startswith(NOISE))
        )

    def tick(self) -> None:
        """Update the last line of a terminal; in a file, add a line if the last one is old."""
        if not self.progress or self.quiet or self.closed:
            return
        if self.live:
            self._write(f"\r{self._clip(self._clock() + self.progress.status())}\x1b[K")
        elif time.time() - self.shown >= max(PAUSE, SHARE * (time.time() - self.progress.started)):
            self._say(self.progress.status())

    def close(self) -> None:
        """Print the list of what failed."""
        if self.closed or not (progress := self.progress):
            return
        self.closed = True
        self._print("", end="")
        done, failed = progress.done.total(), progress.failed.values()
        if self.interrupted:
            self._print(f"interrupted: {done} of {progress.total} jobs finished; start again to go on")
        if failed:
            kept = f"{done} of {progress.total} jobs finished and are kept"
            self._print(f"{len(failed)} failed, {kept}; correct the cause and start again:", style="31")
            for job, error in failed:
                self._print(f"  {job.message}: {error}" + (f" ({job.log})" if job.log else ""))

    def _say(self, text: str, style: str = "", always: bool = False) -> None:
        """Print a whole line, preceded by the time since the start."""
        if always or not self.quiet:
            self.shown = time.time()
            self._print(self._clock() + text, style)

    def _print(self, text: str, style: str = "", end: str = "\n") -> None:
        if text and style and self.color:
            text = f"\x1b[{style}m{text}\x1b[0m"
        if text or self.live:
            self._write(("\r\x1b[K" if self.live else "") + text + (end if text else ""))

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()

    def _clock(self) -> str:
        minutes, seconds = divmod(int(time.time() - self.progress.started) if self.progress else 0, 60)
        return f"{minutes:3d}:{seconds:02d}  "

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self.stream.fileno()).columns or 80
        except OSError:
            return 80

    def _wrap(self, text: str) -> str:
        """Break a text between words into lines that fit the terminal."""
        if not self.live:
            return text
        width = self._columns()
        fill = functools.partial(  # a path stays whole, to be copied
            textwrap.fill, width=width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
        return "\n".join(map(fill, text.split("\n")))

    def _clip(self, text: str) -> str:
        width = self._columns()
        return text if len(text) < width else text[: max(1, width - 2)] + "…"


class Ticker(threading.Thread):
    """Calls a display's `tick` under a lock until it is stopped."""

    def __init__(self, display: Display, lock: Any) -> None:
        super().__init__(daemon=True)
        self.display, self.lock = display, lock
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(TICK):
            with self.lock:
                self.display.tick()


def closing(root: Path, since: float) -> str:
    """The last lines of a run that wrote the study's page: verdict, page, adapters and exports."""
    page, verdict = root / "index.html", root / "tables/summary.md"
    if not page.is_file() or page.stat().st_mtime < since:
        return ""
    lines = verdict.read_text(encoding="utf-8").splitlines()[:VERDICT] if verdict.is_file() else []
    lines = [line.replace("**", "").replace("`", "") for line in lines]
    lines += ["", f"page: {page}"]
    if place := _adapters(root):
        lines.append(f"adapters: {place}")
    lines += [f"exported: {path}" for path in _exports(root)]
    encoding = locale.getpreferredencoding(False)  # of Snakemake's log, which may not know every sign
    return "\n".join(lines).encode(encoding, "replace").decode(encoding)


def _exports(root: Path) -> list[str]:
    """The folders of the exports; only where they are if there are many."""
    folders = sorted(str(path.parent) for path in (root / "export").rglob("export.json"))
    return folders if len(folders) <= SHOWN else [f"{root}/export ({len(folders)} folders)"]


def _adapters(root: Path) -> str:
    """The folders of the adapters as one path; parts that differ between them are in angle brackets."""
    folders = root.glob(f"cells/{'*/' * 3}default/*/transfer/adapter_config.json")
    names = zip(*(folder.relative_to(root).parts for folder in folders), strict=True)
    kinds = ("cells", "<pair>", "<benchmark>", "<method>", "default", "seed<k>", "transfer")
    parts = [
        min(same) if len(same) == 1 else kind for kind, same in zip(kinds, map(set, names), strict=False)
    ]
    return "/".join([str(root), *parts]) if parts else ""
