"""Costs of a method besides its training: the signals that it reads, and the search for its learning rate."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from semalign.runtime.files import read_json
from semalign.runtime.provenance import RECORD

MEGA = 1e6
# of a training outside the working directory, whose folder records do not name: its operations are not known
UNKNOWN: dict[str, Any] = {
    "wall_seconds": 0.0,
    "peak_memory_mb": 0.0,
    "inputs": {},
    "cost": {"search_seconds": 0.0},
}


def signal_costs(folders: Iterable[Path]) -> dict[str, float | None]:
    """Seconds, operations, peak memory and stored size (both in MB) of signal stages and of what they depend on.

    Each stage counts once, and in full even if other methods or seeds use it too. If a stage reads a student that
    another method trained, that training and its search count as well. The stored size covers the files that the stages
    leave for training. Operations are None if a stage did not count them.
    """
    records = _records_behind(folders)
    searched = [record["cost"] for record in records.values() if "cost" in record]
    seconds = [record["wall_seconds"] for record in records.values()]
    flops = [record.get("flops") for record in records.values()]
    files = (
        file
        for folder, record in records.items()
        if "cost" not in record
        for file in folder.iterdir()
        if file.name != RECORD
    )
    return {
        "signal_seconds": round(sum(seconds) + sum(cost["search_seconds"] for cost in searched), 3),
        "signal_flops": added([*flops, *(cost.get("search_flops") for cost in searched)]),
        "signal_memory_mb": max((record["peak_memory_mb"] for record in records.values()), default=0.0),
        "signal_mb": round(sum(file.stat().st_size for file in files) / MEGA, 3),
    }


def search_costs(choice: Path | None) -> dict[str, float | None]:
    """Seconds and operations of all trials among which the learning rate was chosen, and their number."""
    chosen = read_json(choice / "choice.json") if choice else {"seconds": 0.0, "flops": 0, "trials": 0}
    return {
        "search_seconds": round(chosen["seconds"], 3),
        "search_flops": chosen.get("flops"),
        "trials": chosen.get("trials"),
    }


def added(values: Iterable[int | None]) -> int | None:
    """The sum, or None if a value is missing."""
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _records_behind(folders: Iterable[Path]) -> dict[Path, dict[str, Any]]:
    """Records of the given signal stages and of all stages and trainings they depend on, by folder."""
    records: dict[Path, dict[str, Any]] = {}
    asked = list(folders)
    waiting = list(asked)
    stages = {folder.parent.parent for folder in asked}
    while waiting:
        folder = waiting.pop()
        if folder not in records:
            known = folder in asked or (folder / RECORD).is_file()
            records[folder] = read_json(folder / RECORD) if known else UNKNOWN
            inputs = {name: Path(source["path"]) for name, source in records[folder]["inputs"].items()}
            waiting += [p for name, p in inputs.items() if p.parent.parent in stages or name == "transfer"]
    return dict(sorted(records.items()))
