"""Costs of a method besides its training: the signals that it reads, and the search for its learning rate."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from semalign.runtime.files import read_json
from semalign.runtime.provenance import RECORD

MEGA = 1e6


def signal_costs(folders: Iterable[Path]) -> dict[str, float]:
    """Seconds, peak memory and stored size (both in MB) of signal stages and of the stages they depend on.

    Each stage counts once, and in full even if other methods or seeds use it too. The stored size covers the files that
    the stages leave for training.
    """
    records = _records_behind(folders)
    files = (file for folder in records for file in folder.iterdir() if file.name != RECORD)
    return {
        "signal_seconds": round(sum(record["wall_seconds"] for record in records.values()), 3),
        "signal_memory_mb": max((record["peak_memory_mb"] for record in records.values()), default=0.0),
        "signal_mb": round(sum(file.stat().st_size for file in files) / MEGA, 3),
    }


def search_costs(choice: Path | None) -> dict[str, float]:
    """Training seconds of the trials among which the learning rate was chosen."""
    seconds = read_json(choice / "choice.json")["seconds"] if choice else 0.0
    return {"search_seconds": round(seconds, 3)}


def _records_behind(folders: Iterable[Path]) -> dict[Path, dict[str, Any]]:
    """Records of the given signal stages and of all stages they depend on, by folder."""
    records: dict[Path, dict[str, Any]] = {}
    waiting = list(folders)
    while waiting:
        folder = waiting.pop()
        if folder not in records:
            records[folder] = read_json(folder / RECORD)
            stages = folder.parent.parent
            inputs = (Path(source["path"]) for source in records[folder]["inputs"].values())
            waiting += [path for path in inputs if path.parent.parent == stages]
    return dict(sorted(records.items()))
