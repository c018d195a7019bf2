"""Parsing of files with one JSON object per line."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

from semalign.benchmarks.findings import Findings
from semalign.runtime.errors import UserError

Row = dict[str, Any]
LINE_BREAK = re.compile("\r\n|\r|\n")  # `splitlines` would also split at separators inside a string
HEADER = re.compile(
    r"\s*\"?[\w ]*(prompt|question|input|instruction|text|answer|output|id)\b[^{]*[,;\t|]", re.IGNORECASE
)
NAMES = {str: "a string", bool: "true or false", int: "a number", float: "a number", list: "a list"}


class Repeated(ValueError):
    """A key that an object holds twice."""


def parse_lines(text: str, path: Path) -> list[Row]:
    """Parse a text with one JSON object per line; raises UserError naming the lines that are something else."""
    findings = Findings(path)
    rows = [row for _, row in numbered_rows(text, findings)]
    if findings.lines:
        raise UserError(*findings.lines)
    return rows


def numbered_rows(text: str, findings: Findings) -> list[tuple[int, Row]]:
    """The objects of a text with the numbers of their lines; problems go to `findings`.

    Raises UserError, in one line, if the text as a whole is of another kind, such as a JSON array or CSV.
    """
    rows: list[tuple[int, Row]] = []
    unknown = True  # nothing has told yet that this is a file of lines
    for number, line in enumerate(LINE_BREAK.split(text), 1):
        line = line.lstrip("\ufeff")  # files with a mark that were joined
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=unique)
        except (ValueError, RecursionError) as error:
            row = error
        if unknown and not isinstance(row, dict):
            _refuse_other_kinds(text, findings.path)
        unknown = False
        if isinstance(row, dict):
            rows.append((number, row))
        elif isinstance(row, Exception):
            findings.add(number, "not JSON", _reason(line, row))
        else:
            findings.add(number, "not an object", f"found {kind_of(row)}, expected a JSON object")
    return rows


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    return "null" if value is None else NAMES.get(type(value), "an object")


def unique(pairs: list[tuple[str, Any]]) -> Row:
    """An object of its pairs; raises Repeated if it has a key twice."""
    row = dict(pairs)
    if len(row) < len(pairs):
        keys = [key for key, _ in pairs]
        raise Repeated(next(key for key in row if keys.count(key) > 1))
    return row


def _reason(line: str, error: Exception) -> str:
    if isinstance(error, Repeated):
        return f"found the key {str(error)!r} twice, expected it once"
    if isinstance(error, json.JSONDecodeError):
        if error.msg == "Extra data" and line[error.pos : error.pos + 1] == "{":
            return (
                f"found two JSON values (the second at column {error.pos + 1}), expected one object per line"
            )
        if error.msg.startswith("Unterminated string"):
            return f"column {error.pos + 1}: found a string without an end, expected an object per line (cut off?)"
        return f"column {error.pos + 1}: found no JSON ({error.msg}), expected an object per line"
    return f"found no JSON that can be read ({_short(error)}), expected an object per line"


def _short(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error).partition(":")[0]


def _refuse_other_kinds(text: str, path: Path) -> None:
    """Raise UserError if the whole text is one JSON document, or CSV, YAML or Python literals."""
    name = shlex.quote(str(path))
    new = f"{path.stem}.new.jsonl"
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        whole = None
    if isinstance(whole, list) and (len(whole) != 1 or "\n" in text.strip() or isinstance(whole[0], dict)):
        raise UserError(
            f"{path}: found one JSON array with {len(whole):,} entries, expected one JSON object per line; convert it: "
            f"`jq -c '.[]' {name} > {new}`"
        )
    if isinstance(whole, dict) and "\n" in text.strip():
        raise UserError(
            f"{path}: found one JSON object over several lines (keys {_keys(whole)}), expected one object per line; "
            f"convert it: `jq -c . {name} > {new}`"
        )
    first = next(line for line in LINE_BREAK.split(text) if line.strip()).strip()
    if re.match(r"\{\s*'", first):
        raise UserError(
            f"{path}: found a Python dict with single quotes, expected JSON; write the rows with `json.dumps`"
        )
    if first in ("[", "{"):
        raise UserError(
            f"{path}: found JSON over several lines, expected one JSON object per line; convert it: "
            f"`jq -c . {name} > {new}`"
        )
    if HEADER.match(first) and '":' not in first:
        raise UserError(
            f"{path}: found a table with the first line {first[:60]!r} (CSV or TSV?), expected one JSON object per "
            "line; a benchmark may be a table if its file ends in .csv (commas) or .tsv (tabs)"
        )


def _keys(whole: Row) -> str:
    keys = ", ".join(map(repr, list(whole)[:4]))
    return f"{keys}, ..." if len(whole) > 4 else keys or "none"
