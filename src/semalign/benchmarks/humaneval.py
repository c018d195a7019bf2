"""Function bodies for a signature and docstring, scored by running them (Chen et al. 2021).

HumanEval has only a test set, used here as a whole (164 tasks). The paper trains on code instructions whose origin it
does not state. Therefore train, extract and align are MBPP's train tasks here, and validation its validation tasks,
each rewritten in HumanEval's form: the code around the tested function, its signature, and a docstring with the task
and the first test as an example. The answer is the body. This normalises the code's layout (four spaces, no comments).
"""

import ast
import gzip
import json
from collections.abc import Iterable
from pathlib import Path

from semalign.benchmarks import mbpp
from semalign.benchmarks.base import Example, Prepared
from semalign.benchmarks.contamination import WIDTH, Compared, plain, words
from semalign.benchmarks.lines import parse_lines
from semalign.benchmarks.mirror import read_gzip
from semalign.benchmarks.origin import load
from semalign.benchmarks.overlap import normalise
from semalign.benchmarks.real import Sizes, draw
from semalign.benchmarks.registry import published
from semalign.benchmarks.source import Part, Row, Rows, Source, keeping
from semalign.config.benchmarks import RealBenchmark
from semalign.runtime.errors import UserError

# 1,000 as in the paper, but of MBPP's 374 tasks fewer than 274 are left for train
SIZES: Sizes = {"train": 1000, "extract": 20, "align": 80, "validation": 80}
COLUMNS: dict[str, type] = dict.fromkeys(
    ("task_id", "prompt", "entry_point", "canonical_solution", "test"), str
)
FILE = "HumanEval.jsonl.gz"


def _read(folder: Path, parts: Iterable[str]) -> Rows:
    path = folder / FILE
    text = read_gzip(path, "one JSON object per line")
    return {part: parse_lines(text, path) for part in parts}


def _write(folder: Path, rows: Rows) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows["test"])
    (folder / FILE).write_bytes(gzip.compress(text.encode(), mtime=0))


SOURCE = Source(
    "humaneval",
    "openai/openai_humaneval",
    "7dce6050a7d6d172f3cc5c32aa97f52fa1a2e544",
    "MIT, Copyright (c) OpenAI",
    "github.com/openai/human-eval (Chen et al. 2021)",
    COLUMNS,
    {
        "test": Part(
            "openai_humaneval/test-00000-of-00001.parquet",
            164,
            "b1638eb1b8b5f50d8727cac5c8e80c4a431473b906ae0880c8d9a3a2fde73297",
        )
    },
    _read,
    _write,
    keeping(COLUMNS),
)


@published("humaneval", title="HumanEval", paper="arXiv:2107.03374", folders=("humaneval", "mbpp"))
def build(settings: RealBenchmark, mirror: str | None) -> Prepared:
    """Build all splits; raises UserError if a source is not as expected."""
    rows, origin = load(SOURCE, mirror, SOURCE.required, settings.verify)
    tasks, of_tasks = load(mbpp.SOURCE, mirror, ("train", "validation", "test"), settings.verify)
    pool, validation, others = ([completion(row) for row in part] for part in tasks.values())
    test = [example(row) for row in rows["test"]]
    drawn = draw(settings, SIZES, pool, test, compared, validation, held_out=others)
    origin = {"humaneval": origin, "mbpp": of_tasks, **drawn.origin}
    return Prepared(drawn.splits, [], origin, drawn.heal)


def example(row: Row) -> Example:
    """Make an item of HumanEval itself: the raw prompt is also the code before the generated text.

    Raises UserError if the task has no number.
    """
    name = row["entry_point"]
    number = row["task_id"].rpartition("/")[2]
    if not number.isdecimal():
        raise UserError(
            f"benchmark humaneval: task_id: found {row['task_id']!r}, expected a name like HumanEval/7"
        )
    return Example(
        f"{int(number):03}",
        row["prompt"],
        row["canonical_solution"],
        tests=[row["test"], f"check({name})"],
        entry_point=name,
        prefix=row["prompt"],
        fields={"task_id": row["task_id"]},
    )


def completion(row: Row) -> Example:
    """Make an item from an MBPP task, as a function to complete.

    Its other top-level code (imports, helpers, constants) comes before the signature. Raises UserError if no
    test calls a top-level function.
    """
    name = mbpp.entry_point_of(row)
    module = mbpp.parse(row["code"])
    function = _function(module, name, f"MBPP's task {row['task_id']}")
    other_code = [ast.unparse(node) for node in module.body if node is not function]
    signature, body = _signature_and_body(function)
    prompt = "".join(f"{code}\n\n" for code in other_code) + f"{signature}\n{docstring(row)}\n"
    return Example(
        f"mbpp-{row['task_id']:03}",
        prompt,
        body,
        tests=[*filter(None, [row["test_setup_code"]]), *row["test_list"]],
        entry_point=name,
        prefix=prompt,
        fields={"task_id": f"MBPP/{row['task_id']}", "description": row["text"]},
    )


def docstring(row: Row) -> str:
    """The task in words, and its first test as an example if it compares a call with a value."""
    text = f"{row['text'].strip()}\n{_example_of(mbpp.parse(row['test_list'][0]).body[0])}"
    return '    """ ' + text.replace("\\", "\\\\").replace('"""', "'''") + '    """'


def _example_of(test: ast.stmt) -> str:
    match test:
        case ast.Assert(test=ast.Compare(left=ast.Call() as call, ops=[ast.Eq()], comparators=[value])):
            return f"    >>> {ast.unparse(call)}\n    {ast.unparse(value)}\n"
    return ""


def _function(module: ast.Module, name: str, where: str) -> ast.FunctionDef:
    """The last top-level function of that name; raises UserError if there is none."""
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == name]
    if not functions:
        raise UserError(f"benchmark humaneval: {where}: found no top-level function {name}, expected one")
    return functions[-1]


def _signature_and_body(function: ast.FunctionDef) -> tuple[str, str]:
    """The line with `def`, and the indented lines below it, without the function's own docstring."""
    if ast.get_docstring(function) is not None and len(function.body) > 1:
        function.body = function.body[1:]
    lines = ast.unparse(function).split("\n")
    first = next(index for index, line in enumerate(lines) if line.startswith("def "))
    return "\n".join(lines[: first + 1]), "\n".join(lines[first + 1 :]) + "\n"


def compared(item: Example) -> Compared:
    """Text by which items are compared: the task in words (part of HumanEval's prompts), and the body.

    A body of only a few words is not compared, since several tasks may share it.
    """
    text = (item.fields or {}).get("description") or item.prompt
    function = _function(mbpp.parse(item.prefix + item.answer), str(item.entry_point), item.id)
    code = normalise(_signature_and_body(function)[1])
    return Compared((plain(text), *([code] if len(words(code)) >= WIDTH else [])), text)
