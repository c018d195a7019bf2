"""Run subjects and write the results of each to a JSON file."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from bench import machine
from bench.memory import peak_of
from bench.registry import APART, SUBJECTS, load_subject
from bench.subject import Case, Sides, Subject
from bench.timing import measure, ratio, significant, spread
from semalign.runtime.files import write_json

logger = logging.getLogger("semalign")


def run_suite(out: Path, device: str, only: Sequence[str], quick: bool, threads: int) -> None:
    """Run the subjects `only` (default: all except those in APART); write `<out>/<name>.json`, or `<name>-cuda.json`.

    Raises UserError for an unknown subject or a missing device.
    """
    machine.check_device(device)
    torch.set_num_threads(threads)
    names = [*only] or [name for name in SUBJECTS if name not in APART]
    for name in names:
        load_subject(name)  # an unknown name is an error before anything runs
    suite = "quick" if quick else device
    for name in names:
        result = run_subject(name, suite, device, threads)
        if result["rows"]:
            result["machine"] = machine.facts(device, threads)
            write_json(out / f"{name}{'' if device == 'cpu' else f'-{device}'}.json", result)


def run_subject(name: str, suite: str, device: str, threads: int) -> dict[str, Any]:
    """All cases of one subject."""
    subject = load_subject(name)
    rows = []
    for case in subject.cases.get(suite, ()):
        row = run_case(subject, case, device)
        machine.release(device)  # memory is measured in another process
        if row["check"]["passed"] and case.memory:
            row["memory"] = _memory(name, suite, case, row["theirs"] is not None, device, threads)
        rows.append(row | {"met": _met(row, case)})
        logger.info("%s, %s: %s", name, case.name, _in_short(row))
    about = {"name": name, "what": subject.what, "against": subject.against, "unit": subject.unit}
    return {**about, "suite": suite, "explanation": subject.explanation.get(suite, ""), "rows": rows}


def run_case(subject: Subject, case: Case, device: str) -> dict[str, Any]:
    """One row; without times and ratio if the check fails."""
    sides = subject.build(case.size, device)
    check, pairs = measure(case, sides, lambda: machine.finish(device))
    row: dict[str, Any] = {
        "case": case.name,
        "size": dict(case.size),
        "check": {**asdict(check), "value": _finite(check.value), "passed": check.passed},
        "goal": asdict(case.goal),
        "goal_in_words": case.goal.in_words(subject.unit),
        "repeats": len(pairs),
        **dict.fromkeys(("ours", "theirs", "ratio", "rate", "memory")),
    }
    return row | _times(pairs, sides) if pairs else row


def _times(pairs: Sequence[tuple[float, float | None]], sides: Sides) -> dict[str, Any]:
    """Seconds of both sides, their ratio, and work per second if the subject has a unit."""
    found: dict[str, Any] = {"ours": spread([ours for ours, _ in pairs])}
    others = [theirs for _, theirs in pairs if theirs is not None]
    if others:
        found |= {"theirs": spread(others), "ratio": ratio(pairs)}
    if sides.work is not None:
        found["rate"] = {
            side: significant(sides.work / found[side]["median"])
            for side in ("ours", "theirs")
            if side in found
        }
    return found | ({"notes": sides.notes()} if sides.notes else {})


def _memory(
    name: str, suite: str, case: Case, both: bool, device: str, threads: int
) -> dict[str, float | None]:
    """Peak MB of either side beyond its inputs, and ours as a share of theirs."""
    ours = peak_of(name, suite, case.name, "ours", device, threads)
    theirs = peak_of(name, suite, case.name, "theirs", device, threads) if both else None
    share = significant(ours / theirs, 3) if theirs and ours is not None else None
    return {"ours_mb": ours, "theirs_mb": theirs, "share": share}


def _met(row: dict[str, Any], case: Case) -> bool | None:
    """Whether the medians reach every goal; None if there is no goal, or if a value that one needs was not measured."""
    goal, seen = case.goal, []
    if row["ours"] is None:
        return None
    if goal.faster is not None and row["ratio"]:
        seen.append(row["ratio"]["median"] >= goal.faster)
    if goal.memory is not None and row["memory"] and row["memory"]["share"] is not None:
        seen.append(row["memory"]["share"] <= goal.memory)
    if goal.seconds is not None:
        seen.append(row["ours"]["median"] < goal.seconds)
    if goal.rate is not None and row["rate"]:
        seen.append(row["rate"]["ours"] >= goal.rate)
    missing = goal.memory is not None and row["memory"] is not None and row["memory"]["share"] is None
    return None if not seen or (missing and all(seen)) else all(seen)


def _finite(value: float) -> float | None:
    """The value, or None for NaN and infinity, which JSON does not have."""
    return significant(value) if abs(value) < float("inf") else None


def _in_short(row: dict[str, Any]) -> str:
    if not row["check"]["passed"]:
        return f"the check failed: {row['check']['what']} is {row['check']['value']}"
    times = f"{row['ours']['median']:.4g} s"
    return f"{times}, {row['ratio']['median']:.4g}x" if row["ratio"] else times
