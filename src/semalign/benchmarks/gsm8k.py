"""Grade-school word problems, scored by exact match of the generated result (Cobbe et al. 2021).

Train, extract, align and validation all come from its train part; test is its whole test part of 1,319 problems.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from semalign.benchmarks.base import Example, Prepared
from semalign.benchmarks.contamination import Compared, plain
from semalign.benchmarks.mirror import read_lines
from semalign.benchmarks.origin import load
from semalign.benchmarks.real import Sizes, draw
from semalign.benchmarks.registry import published
from semalign.benchmarks.source import Part, Row, Rows, Source, keeping
from semalign.config.benchmarks import RealBenchmark
from semalign.runtime.errors import UserError
from semalign.runtime.files import write_jsonl

SIZES: Sizes = {"train": 1000, "extract": 20, "align": 80, "validation": 200}
MARKS = re.compile(r"<<[^<>]*>>")  # marks for a calculator, not part of a solution's text
RESULT = "####"
COLUMNS: dict[str, type] = {"question": str, "answer": str}


def _read(folder: Path, parts: Iterable[str]) -> Rows:
    return {part: read_lines(folder / f"{part}.jsonl") for part in parts}


def _write(folder: Path, rows: Rows) -> None:
    for name, part in rows.items():
        write_jsonl(folder / f"{name}.jsonl", part)


SOURCE = Source(
    "gsm8k",
    "openai/gsm8k",
    "e53f048856ff4f594e959d75785d2c2d37b678ee",
    "MIT, Copyright (c) 2021 OpenAI",
    "github.com/openai/grade-school-math (Cobbe et al. 2021)",
    COLUMNS,
    {
        "train": Part(
            "main/train-00000-of-00001.parquet",
            7473,
            "fced0849c018610984e1493088b43d38ac54c27c1cf387658e947cc40c54248b",
        ),
        "test": Part(
            "main/test-00000-of-00001.parquet",
            1319,
            "524c11ab4ee19ae27e71a10fff523a583dbba0a714e6be0ff2518668c0071daa",
        ),
    },
    _read,
    _write,
    keeping(COLUMNS),
)


@published("gsm8k", title="GSM8K", paper="arXiv:2110.14168")
def build(settings: RealBenchmark, mirror: str | None) -> Prepared:
    """Build all splits, with the train part in order as shots; raises UserError if the source is not as expected."""
    rows, origin = load(SOURCE, mirror, SOURCE.required, settings.verify)
    pool, test = ([example(row, f"{part}-{at:04}") for at, row in enumerate(rows[part])] for part in rows)
    drawn = draw(settings, SIZES, pool, test, compared)
    return Prepared(drawn.splits, pool, {"gsm8k": origin, **drawn.origin}, drawn.heal)


def example(row: Row, key: str) -> Example:
    """Make one problem. Calculator marks are removed, and the result is given in words, as in Seeking's data.

    Raises UserError if the row has no result after its last `####`.
    """
    solution, mark, result = row["answer"].rpartition(RESULT)
    result = result.strip().replace(",", "")
    if not mark or not result:
        raise UserError(
            f"benchmark gsm8k: {key}: found no result after {RESULT}, expected one in each answer"
        )
    worked = MARKS.sub("", solution).strip()
    return Example(
        key,
        f"Answer the following question.\n\nQuestion: {row['question'].strip()}\nAnswer:",
        f" {worked}\nSo the answer is {result}.",
        target=result,
        fields={"question": row["question"], "solution": row["answer"]},
    )


def compared(item: Example) -> Compared:
    """Text by which items are compared: the question."""
    question = (item.fields or {})["question"]
    return Compared((plain(question),), question)
