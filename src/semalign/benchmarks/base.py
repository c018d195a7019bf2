"""What an example of a benchmark is, and how its splits are stored."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from semalign.errors import UserError
from semalign.files import read_jsonl, write_jsonl

Split = Literal["train", "extract", "align", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True)
class Example:
    """One item: `prompt + answer` is its whole text.

    `answer` starts with its separator (a space or a line break). `choices` and `gold` belong to a choice
    question, `target` to a generated exact match, `tests`, `entry_point` and `prefix` (the code that stands
    before the generated text when it is run) to a programming task.
    """

    id: str
    prompt: str
    answer: str
    choices: list[str] | None = None
    gold: int | None = None
    target: str | None = None
    tests: list[str] | None = None
    entry_point: str | None = None
    prefix: str = ""


def write_split(folder: Path, split: Split, examples: list[Example]) -> None:
    """Store one split as `<folder>/<split>.jsonl`."""
    write_jsonl(folder / f"{split}.jsonl", (asdict(example) for example in examples))


def read_split(folder: Path | str, split: Split) -> list[Example]:
    """Read one split.

    Raises UserError when the file is missing or the split is empty.
    """
    path = Path(folder) / f"{split}.jsonl"
    if not path.is_file():
        raise UserError(
            f"{path}: no such split file; expected one of {', '.join(SPLITS)} prepared beforehand"
        )
    examples = [Example(**row) for row in read_jsonl(path)]
    if not examples:
        raise UserError(f"{path}: the split is empty; expected at least one example")
    return examples
