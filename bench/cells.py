"""The cells of a row of results in the table."""

from typing import Any

COLUMNS = {
    "what": "what",
    "case": "case",
    "device": "on",
    "against": "against",
    "ours": "ours",
    "theirs": "theirs",
    "faster": "times faster",
    "memory": "memory, MB",
    "check": "check",
    "goal": "goal",
    "met": "met",
}
QUARTILES_FROM = 3  # quartiles are shown from this number of repeats


def cells_of(row: dict[str, Any]) -> list[str]:
    """The cells of one comparison, in the order of COLUMNS."""
    texts = {
        "against": row["against"] if row["theirs"] else "",
        "faster": _with_spread(row, "ratio", "x"),
        "ours": _with_spread(row, "ours", " s") + _rate(row),
        "theirs": _with_spread(row, "theirs", " s"),
        "memory": _memory(row),
        "check": _checked(row["check"]) + _noted(row.get("notes")),
        "goal": row["goal_in_words"],
        "met": "" if row["met"] is None else "yes" if row["met"] else f"no: {missed_by(row)}",
    }
    return [str(texts.get(name, row.get(name, ""))) or "–" for name in COLUMNS]


def missed_by(row: dict[str, Any]) -> str:
    """Which goals a case misses: `speed`, `memory` or both."""
    goal, share = row["goal"], (row["memory"] or {}).get("share")
    slow = (
        (goal["faster"] is not None and row["ratio"] and row["ratio"]["median"] < goal["faster"])
        or (goal["seconds"] is not None and row["ours"]["median"] >= goal["seconds"])
        or (goal["rate"] is not None and row["rate"] and row["rate"]["ours"] < goal["rate"])
    )
    large = goal["memory"] is not None and share is not None and share > goal["memory"]
    return " and ".join(name for name, missed in (("speed", slow), ("memory", large)) if missed)


def _with_spread(row: dict[str, Any], key: str, unit: str) -> str:
    """A median, and its quartiles if there were enough repeats."""
    if not (times := row[key]):
        return ""
    quartiles = f" [{times['low']:.3g}, {times['high']:.3g}]" if row["repeats"] >= QUARTILES_FROM else ""
    return f"{times['median']:.3g}{unit}{quartiles}"


def _memory(row: dict[str, Any]) -> str:
    """Peaks of the sides that ran; a dash for a side that could not be measured."""
    memory = row["memory"] or {}
    peaks = [memory.get(f"{side}_mb") for side in ("ours", "theirs") if row[side]]
    if all(peak is None for peak in peaks):
        return ""
    return " / ".join("–" if peak is None else f"{peak:.4g}" for peak in peaks)


def _rate(row: dict[str, Any]) -> str:
    return f", {row['rate']['ours']:.3g} {row['unit']}/s" if row["rate"] else ""


def _checked(check: dict[str, Any]) -> str:
    value = "not a number" if check["value"] is None else f"{check['value']:.2g}"
    sign = "at most" if check["passed"] else "FAILED, expected at most"
    return f"{check['what']} {value} ({sign} {check['limit']:g})"


def _noted(notes: dict[str, float] | None) -> str:
    """Further facts about a case, with names written as words."""
    return "".join(f"; {name.replace('_', ' ')} {value:.2g}" for name, value in (notes or {}).items())
