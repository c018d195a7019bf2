"""A tiny mirror in the formats of the published benchmarks, and the same rows in the hub's format."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]

# Questions share few words with each other, so that none counts as a duplicate.
THINGS = [
    "apples",
    "boats",
    "coins",
    "drums",
    "eggs",
    "flags",
    "gems",
    "hats",
    "inks",
    "jars",
    "kites",
    "oars",
]
LETTERS = "ABCD"
SMALL = {"train": 8, "extract": 2, "align": 3, "validation": 4}  # sizes of splits that the rows fill


def problem(number: int, part: str) -> Row:
    """A row of GSM8K: a large result has a thousands comma."""
    thing, total = THINGS[number % len(THINGS)], 1000 + number
    return {
        "question": f"In {part} Ann had {number} {thing} and got 1000 more. How many {thing}?",
        "answer": f"She has {number}+1000=<<{number}+1000={total}>>{total} {thing}.\n#### {total:,}",
    }


def question(number: int, part: str) -> list[str]:
    """A row of MMLU: one option is a word that CSV readers may take for a missing value."""
    options = [f"{part}{number}", "None", f"all, of {number}", 'a "quoted"\none']
    return [f"Which of these is {part} {number}? ", *options, LETTERS[number % 4]]


def task(number: int) -> Row:
    """A row of MBPP, with the source's line endings and a helper function."""
    name = f"add_{number}"
    code = (
        f"import math\r\ndef help_{number}(x):\r\n  return x\r\n"
        f"def {name}(x):\r\n  # a comment\r\n  return help_{number}(x) + {number} "
    )
    return {
        "text": f"Write a function that adds {number} to a number.",
        "code": code,
        "task_id": number,
        "test_setup_code": "one = 1" if number % 2 else "",
        "test_list": [f"assert {name}({x}) == {x + number}" for x in (1, 2, 3)],
        "challenge_test_list": [],
    }


def completion(number: int) -> Row:
    """A row of HumanEval."""
    prompt = f'from typing import List\n\n\ndef less_{number}(x: int) -> int:\n    """ Take {number} away.\n    """\n'
    return {
        "task_id": f"HumanEval/{number}",
        "prompt": prompt,
        "entry_point": f"less_{number}",
        "canonical_solution": f"    return x - {number}\n",
        "test": f"\n\ndef check(candidate):\n    assert candidate(9) == {9 - number}\n",
    }


def rows() -> dict[str, dict[str, Any]]:
    """Rows by benchmark and part (for MMLU, by subject)."""
    subjects = ("abstract_algebra", "us_foreign_policy")
    counts = {"dev": 5, "val": 40, "test": 12}
    return {
        "gsm8k": {
            "train": [problem(i, "train") for i in range(80)],
            "test": [problem(i, "test") for i in range(12)],
        },
        "mmlu": {
            part: {subject: [question(i, f"{subject} {part}") for i in range(count)] for subject in subjects}
            for part, count in counts.items()
        },
        "humaneval": {"test": [completion(i) for i in range(6)]},
        "mbpp": {"all": [task(i) for i in [*range(1, 40), *range(511, 531), *range(601, 640)]]},
    }


def write_fabricated(mirror: Path) -> Path:
    """Write all four benchmarks in the layout of a mirror."""
    given = rows()
    for part, found in given["gsm8k"].items():
        _lines(mirror / "gsm8k" / f"{part}.jsonl", found)
    for part, by_subject in given["mmlu"].items():
        for subject, found in by_subject.items():
            path = mirror / "mmlu" / part / f"{subject}_{part}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(found)
    text = "".join(json.dumps(row) + "\n" for row in given["humaneval"]["test"])
    (mirror / "humaneval").mkdir()
    (mirror / "humaneval" / "HumanEval.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    _lines(mirror / "mbpp" / "mbpp.jsonl", given["mbpp"]["all"])
    return mirror


def _lines(path: Path, found: list[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")


def write_hub(hub: Path, rows_of: dict[str, dict[str, list[Row]]]) -> None:
    """Write rows as the hub's parquet files, `<hub>/<repository>/<file>`, with the hub's columns."""
    import pyarrow
    from pyarrow import parquet

    from semalign.benchmarks.command import source_of

    for name, parts in rows_of.items():
        source = source_of(name)
        for part, found in parts.items():
            path = hub / source.repository / source.parts[part].hub
            path.parent.mkdir(parents=True, exist_ok=True)
            renamed = [
                {"choices" if key == "options" else key: value for key, value in row.items()} for row in found
            ]
            parquet.write_table(pyarrow.Table.from_pylist(renamed), path)
