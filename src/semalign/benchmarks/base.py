"""The examples of a benchmark, and how its splits are stored."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from semalign.config.base import SPLITS, Split
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_jsonl, write_jsonl

SHOTS = "shots"
CHAT = ("messages", "template")  # fields of chats only
HEAL = "heal"  # items that no split uses, for healing a pruned model


@dataclass(frozen=True)
class Example:
    """One item: `prompt + answer` is its whole text.

    `answer` starts with its separator (a space or a line break) unless the prompt ends in white space; see
    `semalign.benchmarks.joining`. `choices` and `gold` belong to a choice
    question, `target` to a generated answer scored by exact match, and `tests`, `entry_point` and `prefix` (the code
    that precedes the generated text when it is run) to a programming task. `fields` holds the source's own columns, for
    the templates of protocols other than the paper's.

    A chat has `messages`, turns with `role` and `content` of which the last one is the answer, and `template`: `auto`,
    `none`, `always` or a Jinja template, see `semalign.benchmarks.chats`. Its `prompt` and `answer` are the same text
    in a plain layout, for people and comparisons; models read what `chats.rendered` gives.
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
    fields: dict[str, Any] | None = None
    messages: list[dict[str, str]] | None = None
    template: str | None = None


@dataclass(frozen=True)
class Prepared:
    """A benchmark as it is stored.

    `splits` are its splits, `shots` the examples of few-shot protocols, `origin` where it comes from, and `heal` the
    items that no split uses.
    """

    splits: dict[Split, list[Example]]
    shots: list[Example] = field(default_factory=list)
    origin: dict[str, Any] = field(default_factory=dict)
    heal: list[Example] = field(default_factory=list)

    def renamed(self, kind: str, name: str) -> "Prepared":
        """The same, with ids that begin with the study's `name` for it instead of `kind`.

        A mixture may hold the same source twice, under two names.
        """
        splits = {
            split: [replace(item, id=name + item.id.removeprefix(kind)) for item in items]
            for split, items in self.splits.items()
        }
        return replace(self, splits=splits)


@dataclass(frozen=True)
class Size:
    """The size of a split: its examples, characters of all prompts and answers, and those of the longest example.

    `longest_answer` is in characters too, `choices` the largest number of choices of an example.
    """

    examples: int
    prompts: int
    answers: int
    longest: int
    longest_answer: int
    choices: int

    @classmethod
    def of(cls, items: Sequence[Example]) -> "Size":
        """Measure some examples."""
        prompts, answers = [len(item.prompt) for item in items], [len(item.answer) for item in items]
        longest = max(map(sum, zip(prompts, answers, strict=True)), default=0)
        choices = max((len(item.choices or ()) for item in items), default=0)
        return cls(len(items), sum(prompts), sum(answers), longest, max(answers, default=0), choices)


def first_rows(splits: Mapping[Split, Sequence[Example]]) -> dict[Split, str]:
    """The whole text of each split's first example, as it is trained on: a record for people to read."""
    return {split: examples[0].prompt + examples[0].answer for split, examples in splits.items() if examples}


def write_split(folder: Path, split: Split, examples: Sequence[Example]) -> None:
    """Store one split as `<folder>/<split>.jsonl`."""
    _write(folder / f"{split}.jsonl", examples)


def write_prepared(folder: Path, prepared: Prepared) -> None:
    """Store every split, and the shots and left-over items, if any, as shots.jsonl and heal.jsonl."""
    for split, examples in prepared.splits.items():
        write_split(folder, split, examples)
    for name, items in ((SHOTS, prepared.shots), (HEAL, prepared.heal)):
        if items:
            _write(folder / f"{name}.jsonl", items)


def read_split(folder: Path | str, split: Split) -> list[Example]:
    """Read one split.

    Raises UserError if the file is missing or the split is empty.
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


def _write(path: Path, examples: Sequence[Example]) -> None:
    write_jsonl(path, map(_row, examples))


def _row(example: Example) -> dict[str, Any]:
    """The example as it is stored; one that is no chat has no keys of a chat."""
    return {key: value for key, value in asdict(example).items() if value is not None or key not in CHAT}
