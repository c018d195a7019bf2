"""The table of the suite and its page, generated from the result files and from nothing else."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Template

from bench.cells import COLUMNS, cells_of, missed_by
from bench.registry import SUBJECTS
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_text

PAGE = Path(__file__).parent / "speed.md.j2"


def write_tables(folder: Path, page: Path | None = None) -> None:
    """Write `table.csv` and `table.md` next to the folder's results and, if given, the page with a summary on top.

    Raises UserError if there is no result.
    """
    found = read_results(folder)
    if not found:
        raise UserError(f"{folder}: no results; expected those of python -m bench")
    write_text(folder / "table.csv", _csv([row for result in found for row in _numbers(result)]))
    text = in_markdown(found)
    write_text(folder / "table.md", f"# Benchmarks\n\n{text}\n")
    if page is not None:
        template = Template(PAGE.read_text(encoding="utf-8"), trim_blocks=True, lstrip_blocks=True)
        write_text(page, template.render(**summary(found), table=text) + "\n")


def summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Facts for the lines on top of the page: how much faster and leaner, and which goals are missed."""
    rows = [{**row, "what": result["what"]} for result in found for row in result["rows"]]
    ratios = [row["ratio"]["median"] for row in rows if row["ratio"]]
    shares = [row["memory"]["share"] for row in rows if row["memory"] and row["memory"]["share"] is not None]
    judged = [row for row in rows if row["met"] is not None]
    return {
        "ratios": [f"{float(f'{ratio:.3g}'):,g}" for ratio in sorted(ratios)],
        "faster": sum(ratio > 1 for ratio in ratios),
        "shares": [f"{100 * share:.2g}" for share in sorted(shares)],
        "leaner": sum(share < 1 for share in shares),
        "checks": len(rows),
        "passed": sum(row["check"]["passed"] for row in rows),
        "alone": [row for row in rows if row["ours"] and not row["theirs"]],
        "judged": len(judged),
        "missed": [{**row, "by": missed_by(row)} for row in judged if not row["met"]],
    }


def read_results(folder: Path) -> list[dict[str, Any]]:
    """The folder's files in the registry's order, each device's after the processor's."""
    names = [f"{name}{device}.json" for device in ("", "-cuda") for name in SUBJECTS]
    return [read_json(folder / name) for name in names if (folder / name).is_file()]


def in_markdown(found: list[dict[str, Any]]) -> str:
    """The table and what it was measured on, as Markdown."""
    parts = [_table(list(COLUMNS.values()), (cells_of(row) for result in found for row in _rows(result)))]
    parts += [
        f"**{result['what']}.** {result['explanation']}"
        for result in found
        if result["explanation"] and any(row["met"] is False for row in result["rows"])
    ]
    parts += _machines(found)
    return "\n\n".join(part for part in parts if part)


def _rows(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for row in result["rows"]:
        about = {"what": result["what"], "against": result["against"], "unit": result["unit"]}
        yield {**row, **about, "device": result["machine"]["device"]}


def _machines(found: list[dict[str, Any]]) -> Iterator[str]:
    """One line per machine and commit; if there are several commits, each says what was measured at it."""
    lines: dict[str, list[str]] = {}
    for result in found:
        lines.setdefault(_machine(result), []).append(result["name"])
    commits = len({result["machine"]["commit"] for result in found})
    several = commits > 1
    if several:
        yield f"The measurements come from {commits} commits, listed below."
    yield "\n".join(f"- {line}{': ' + ', '.join(names) if several else ''}" for line, names in lines.items())


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
