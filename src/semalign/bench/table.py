"""The table of the suite, generated from its files and from nothing else."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from semalign.analysis.marks import fill
from semalign.bench.registry import GROWTH, SUBJECTS
from semalign.errors import UserError
from semalign.files import read_json, write_text

BEGIN, END = "<!-- benchmarks: written by scripts/run_benchmarks.py -->", "<!-- end of benchmarks -->"
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


def write_tables(folder: Path, readme: Path | None = None) -> None:
    """Write `table.csv` and `table.md` over the folder's files and, where given, the README's part between its marks.

    Raises UserError where there is no file, or the page has no marks.
    """
    found = read_results(folder)
    if not found:
        raise UserError(f"{folder}: no results; expected those of scripts/run_benchmarks.py")
    write_text(folder / "table.csv", _csv([row for result in found for row in _numbers(result)]))
    text = in_markdown(found)
    write_text(folder / "table.md", f"# Benchmarks\n\n{text}\n")
    if readme is not None:
        fill(readme, BEGIN, END, text)


def read_results(folder: Path) -> list[dict[str, Any]]:
    """The folder's files in the registry's order, each device's after the processor's."""
    names = [f"{name}{device}.json" for device in ("", "-cuda") for name in (*SUBJECTS, GROWTH)]
    return [read_json(folder / name) for name in names if (folder / name).is_file()]


def in_markdown(found: list[dict[str, Any]]) -> str:
    """Both tables and what they were measured on, as Markdown."""
    compared = [result for result in found if result["name"] != GROWTH]
    grown = [result for result in found if result["name"] == GROWTH]
    parts = [_table(list(COLUMNS.values()), (_cells(row) for result in compared for row in _rows(result)))]
    parts += [
        f"**{result['what']}.** {result['explanation']}"
        for result in compared
        if result["explanation"] and any(row["met"] is False for row in result["rows"])
    ]
    parts += [part for result in grown for part in _growth(result)]
    parts.append("\n".join(f"- {line}" for line in dict.fromkeys(_machine(result) for result in found)))
    return "\n\n".join(part for part in parts if part)


def _rows(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for row in result["rows"]:
        about = {"what": result["what"], "against": result["against"], "unit": result["unit"]}
        yield {**row, **about, "device": result["machine"]["device"]}


def _cells(row: dict[str, Any]) -> list[str]:
    """A row of the table for readers."""
    memory = row["memory"] or {}
    told = {
        "faster": _with_spread(row["ratio"], "x"),
        "ours": _with_spread(row["ours"], " s") + _rate(row),
        "theirs": _with_spread(row["theirs"], " s"),
        "memory": " / ".join(
            f"{memory[side]:.4g}" for side in ("ours_mb", "theirs_mb") if memory.get(side) is not None
        ),
        "check": _checked(row["check"]) + _noted(row.get("notes")),
        "goal": row["goal_in_words"],
        "met": {True: "yes", False: "no", None: ""}[row["met"]],
    }
    return [str(told.get(name, row.get(name, ""))) or "–" for name in COLUMNS]


def _with_spread(found: dict[str, float] | None, unit: str) -> str:
    return f"{found['median']:.3g}{unit} [{found['low']:.3g}, {found['high']:.3g}]" if found else ""


def _rate(row: dict[str, Any]) -> str:
    return f", {row['rate']['ours']:.3g} {row['unit']}/s" if row["rate"] else ""


def _checked(check: dict[str, Any]) -> str:
    value = "not a number" if check["value"] is None else f"{check['value']:.2g}"
    sign = "at most" if check["passed"] else "FAILED, expected at most"
    return f"{check['what']} {value} ({sign} {check['limit']:g})"


def _noted(notes: dict[str, float] | None) -> str:
    """Further facts of a case, under names that read as words."""
    return "".join(f"; {name.replace('_', ' ')} {value:.2g}" for name, value in (notes or {}).items())


def _growth(result: dict[str, Any]) -> Iterator[str]:
    """How cost grows: an exponent a stage and axis, and the largest size over its floor."""
    yield f"{result['what']}, on {result['machine']['device']}:"
    head = ["stage", "axis", "sizes", "seconds", "exponent", "floor, s", "measured over floor"]
    yield _table(head, (_growth_cells(row) for row in result["rows"]))
    told = dict.fromkeys((row["stage"], row["explanation"]) for row in result["rows"] if row["explanation"])
    yield "\n".join(f"- **{stage}**: {why}" for stage, why in told)


def _growth_cells(row: dict[str, Any]) -> list[str]:
    return [
        row["stage"],
        row["axis"],
        ", ".join(f"{size:,}" for size in row["sizes"]),
        ", ".join(f"{value:.3g}" for value in row["seconds"]),
        f"{row['exponent']:.2f}",
        f"{row['floor_seconds']:.3g}",
        f"{row['over_floor']:.3g}",
    ]


def _machine(result: dict[str, Any]) -> str:
    facts = result["machine"]
    device = f", {facts['accelerator']}" if facts["device"] == "cuda" else ""
    sizes = ", pico sizes: no measure of anything" if result["suite"] == "quick" else ""
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['threads']} threads{device}, torch "
        f"{facts['versions']['torch']}, commit {facts['commit']}{sizes}"
    )


def _numbers(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows of the CSV: plain numbers under plain names."""
    about = {"name": result["name"], "device": result["machine"]["device"]}
    for row in result["rows"]:
        flat = dict(about)
        for key, value in row.items():
            if isinstance(value, dict) and key != "size":
                flat |= {f"{key}_{part}": number for part, number in value.items()}
            elif value is not None:
                flat[key] = value
        yield flat


def _csv(rows: list[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _table(head: list[str], rows: Iterator[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
