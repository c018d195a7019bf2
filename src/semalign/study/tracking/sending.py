"""Sending the finished cells of a study, each once."""

import contextlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path

from semalign.config.tracking import Tracker, Tracking
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.secrets import masked
from semalign.study.layout import Layout
from semalign.study.tracking.cells import tracked_cells
from semalign.study.tracking.sinks import sink_of

logger = logging.getLogger("semalign")
FOLDER = "tracking"  # below a study's results


def track_or_warn(layout: Layout) -> str:
    """Send what is new, if the study has a tracker, and say so in a line, or why it failed; empty if there is nothing.

    Nothing that a tracker does can stop a study.
    """
    settings = layout.study.tracking
    if settings.to == "none":
        return ""
    try:
        count = send_cells(layout, settings)
    except (Exception, SystemExit) as error:
        reason = masked(str(error).partition("\n")[0]) or type(error).__name__
        return f"warning: tracking: {reason}; the study is complete (scripts/track_results.py sends again)"
    return f"tracking: sent {count} cells to {settings.to}" if count else ""


def send_cells(layout: Layout, settings: Tracking, again: bool = False) -> int:
    """Send the finished cells that were not sent before, or all if `again`; returns their number.

    Which ones were sent is noted in tracking/<tracker>.json, cell by cell. Raises UserError if nothing is tracked or
    the package is missing, and whatever the tracker raises.
    """
    if settings.to == "none":
        raise UserError("tracking.to: found none, expected trackio, mlflow or wandb (or --to)")
    folder = Path(layout.root) / FOLDER
    noted = folder / f"{settings.to}{'' if settings.offline else '-online'}.json"
    sent: dict[str, str] = read_json(noted) if noted.is_file() and not again else {}
    new = [cell for cell in tracked_cells(layout) if sent.get(cell.name) != cell.digest]
    if not new:
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    with _explained(settings.to), contextlib.redirect_stdout(io.StringIO()):
        send = sink_of(settings.to, settings.project or layout.study.study, settings.offline, folder)
        for cell in new:
            send(cell)
            sent[cell.name] = cell.digest
            write_json(noted, sent)
    return len(new)


@contextlib.contextmanager
def _explained(tracker: Tracker) -> Iterator[None]:
    """Say which package is missing."""
    try:
        yield
    except ImportError as error:
        raise UserError(
            f"found no working package {tracker} ({error}), expected one: pip install {tracker}"
        ) from None
