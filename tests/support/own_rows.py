"""Rows of a user's own file in every form and format, and what is said of a file."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from semalign.benchmarks.own import problems_of
from semalign.config.benchmarks import FileBenchmark

Row = dict[str, Any]
NUMBERS = range(24)
HEAD = "### Instruction:\n"
FORMS: dict[
    str, tuple[Callable[[int], Row], Callable[[int], Row]]
] = {  # a row, and the same as prompt and answer
    "answer": (
        lambda i: {"prompt": f"What is {i},\n“{i}”?", "answer": f"{i}"},
        lambda i: {"prompt": f"What is {i},\n“{i}”?", "answer": f"{i}"},
    ),
    "completion": (
        lambda i: {"prompt": f"Q {i}: ", "completion": f"{i} \nand"},
        lambda i: {"prompt": f"Q {i}: ", "answer": f"{i} \nand"},
    ),
    "instruction": (
        lambda i: {"instruction": f"Add {i}", "input": f"{i}" if i % 2 else "", "output": f"so, {2 * i}"},
        lambda i: {
            "prompt": f"{HEAD}Add {i}\n\n" + (f"### Input:\n{i}\n\n" if i % 2 else "") + "### Response:\n",
            "answer": f"so, {2 * i}",
        },
    ),
    "messages": (
        lambda i: {"messages": turns("", f"Q {i}", f"a {i}")},
        lambda i: {"prompt": f"User: Q {i}\n\nAssistant:", "answer": f"a {i}"},
    ),
    "choices": (
        lambda i: {"prompt": f"Q {i}", "completion": "b", "choices": ["a", "b"], "gold": 1},
        lambda i: {"prompt": f"Q {i}", "answer": "b", "choices": ["a", "b"], "gold": 1},
    ),
}


def turns(*texts: str) -> list[dict[str, str]]:
    """A chat: the system's text (none if it is empty), then user and assistant in turn."""
    roles = ["system", *["user", "assistant"] * len(texts)]
    return [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False) if text]


def in_cells(rows: list[Row], delimiter: str) -> bytes:
    cells = [
        {key: value if isinstance(value, str) else json.dumps(value) for key, value in row.items()}
        for row in rows
    ]
    text = io.StringIO()
    writer = csv.DictWriter(
        text, list(dict.fromkeys(key for row in rows for key in row)), delimiter=delimiter
    )
    writer.writeheader()
    writer.writerows(cells)
    return text.getvalue().encode()


def in_parquet(rows: list[Row]) -> bytes:
    data = io.BytesIO()
    pd.DataFrame(rows).to_parquet(data)
    return data.getvalue()


def in_lines(rows: list[Row]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


FORMATS: dict[str, Callable[[list[Row]], bytes]] = {
    "jsonl": in_lines,
    "json": lambda rows: json.dumps(rows, indent=1).encode(),
    "csv": lambda rows: in_cells(rows, ","),
    "tsv": lambda rows: b"\xef\xbb\xbf" + in_cells(rows, "\t"),
    "parquet": in_parquet,
    "jsonl.gz": lambda rows: gzip.compress(in_lines(rows)),
    "csv.gz": lambda rows: gzip.compress(in_cells(rows, ",")),
}


def problems(
    folder: Path, rows: list[Row], name: str = "a.jsonl", data: bytes = b"", **settings: Any
) -> list[str]:
    path = folder / name
    path.write_bytes(data or in_lines(rows))
    found = problems_of("mine", FileBenchmark(path=str(path), **settings))
    assert all("\n" not in line for line in found)
    return [line.replace(f"{path}: ", "", 1) for line in found]
