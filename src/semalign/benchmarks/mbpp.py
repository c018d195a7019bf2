"""Functions for a task in words and three tests, scored by running them (Austin et al. 2021).

Train, extract and align come from its train tasks (601-974), validation from its validation tasks (511-600). Test is
all 500 test tasks (11-510). Tasks 2, 3 and 4 are the shots that the authors use.
"""

import ast
import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from semalign.benchmarks.base import Example, Prepared
from semalign.benchmarks.contamination import Compared, plain
from semalign.benchmarks.mirror import read_lines
from semalign.benchmarks.origin import load
from semalign.benchmarks.overlap import normalise
from semalign.benchmarks.real import Sizes, draw
from semalign.benchmarks.registry import published
from semalign.benchmarks.source import Part, Row, Rows, Source, keeping
from semalign.config.benchmarks import RealBenchmark
from semalign.runtime.errors import UserError
from semalign.runtime.files import write_jsonl

SIZES: Sizes = {"train": 300, "extract": 32, "align": 40, "validation": 80}
TASKS = {
    "prompt": range(1, 11),
    "test": range(11, 511),
    "validation": range(511, 601),
    "train": range(601, 975),
}
SHOTS = (2, 3, 4)
COLUMNS: dict[str, type] = {
    "text": str,
    "code": str,
    "task_id": int,
    "test_setup_code": str,
    "test_list": list,
    "challenge_test_list": list,
}
FILE = "mbpp.jsonl"


def _read(folder: Path, parts: Iterable[str]) -> Rows:
    rows = read_lines(folder / FILE)
    return {part: [row for row in rows if row.get("task_id") in TASKS[part]] for part in parts}


def _write(folder: Path, rows: Rows) -> None:
    together = sorted((row for part in rows.values() for row in part), key=lambda row: int(row["task_id"]))
    write_jsonl(folder / FILE, together)


def _hub(part: str) -> str:
    return f"full/{part}-00000-of-00001.parquet"


SOURCE = Source(
    "mbpp",
    "google-research-datasets/mbpp",
    "4bb6404fdc6cacfda99d4ac4205087b89d32030c",
    "CC BY 4.0, Google Research",
    "github.com/google-research/google-research, folder mbpp (Austin et al. 2021)",
    COLUMNS,
    {
        "prompt": Part(
            _hub("prompt"), 10, "b3f21314fd5fb3ec3e0bb0fc3897f34ec394eeff8f93e0a6a4341e602b144e91"
        ),
        "train": Part(_hub("train"), 374, "6756168a936a52560df27812486c7377a7f4cadcf4897b541e9a95e5de61f8b8"),
        "validation": Part(
            _hub("validation"), 90, "4690b14503d65debd764213f10a06cb50f514f4890fa7acab10add66a1fa7dba"
        ),
        "test": Part(_hub("test"), 500, "2bd2075d5156346889c4945ea4b260207b5728e711f57e8a1783598d5354da98"),
    },
    _read,
    _write,
    keeping(COLUMNS),
)


@published("mbpp", title="MBPP", paper="arXiv:2108.07732")
def build(settings: RealBenchmark, mirror: str | None) -> Prepared:
    """Build all splits, and the authors' three shots; raises UserError if the source is not as expected."""
    rows, origin = load(SOURCE, mirror, SOURCE.required, settings.verify)
    items = {name: [example(row) for row in part] for name, part in rows.items()}
    drawn = draw(settings, SIZES, items["train"], items["test"], compared, items["validation"])
    shots = [_shot(row) for row in rows["prompt"] if row["task_id"] in SHOTS]
    return Prepared(drawn.splits, shots, {"mbpp": origin, **drawn.origin}, drawn.heal)


def example(row: Row) -> Example:
    """Make one task: the prompt shows the tests and opens a code block, which holds the answer.

    The setup code of the tests (two tasks have some) is run before them but not shown. Raises UserError if no
    test calls a function.
    """
    tests = "\n".join(row["test_list"])
    return Example(
        f"{row['task_id']:03}",
        f"{row['text'].strip()}\nThe function must pass these tests:\n```python\n{tests}\n```\n"
        "Here it is:\n```python",
        f"\n{plain_code(row['code'])}",
        tests=[*filter(None, [row["test_setup_code"]]), *row["test_list"]],
        entry_point=entry_point_of(row),
        fields={column: row[column] for column in ("task_id", "text", "test_list", "code")},
    )


def parse(code: str) -> ast.Module:
    """The syntax tree of `code`; warnings about it (such as a stray backslash in a string) are ignored.

    Raises UserError for a text that is no Python.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise UserError(f"benchmark: found code that is no Python ({error}): {code.strip()[:60]!r}") from None


def plain_code(code: str) -> str:
    """Code with line feeds only, and no white space at the end of a line or of the whole."""
    return "\n".join(line.rstrip() for line in code.replace("\r\n", "\n").strip("\n").split("\n")).rstrip()


def entry_point_of(row: Row) -> str:
    """The name of the function that the first test calls and the reference defines.

    Raises UserError if there is none.
    """
    defined = {node.name for node in ast.walk(parse(row["code"])) if isinstance(node, ast.FunctionDef)}
    first = "".join(row["test_list"][:1])
    calls = (node for node in ast.walk(parse(first)) if isinstance(node, ast.Call))
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id in defined:
            return call.func.id
    raise UserError(f"benchmark mbpp: task {row['task_id']}: found no test that calls a function of its code")


def _shot(row: Row) -> Example:
    """Make a shot; it keeps the source's code byte for byte, as harnesses show it."""
    return replace(example(row), answer=f"\n{row['code']}")


def compared(item: Example) -> Compared:
    """Text by which items are compared: the task in words, and the reference's code."""
    text = (item.fields or {})["text"]
    code = normalise(ast.unparse(parse(item.answer)))
    return Compared((plain(text), code), text)
