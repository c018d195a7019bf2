"""A model's own answers to the prompts of a train split, which take the place of its labels."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from semalign.benchmarks.base import Example
from semalign.benchmarks.chats import with_answer
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_jsonl, write_jsonl

ANSWERS = "answers.jsonl"


@dataclass(frozen=True)
class Answer:
    """What a model answered; `cut` if the limit of tokens ended it, and neither the model nor a stop string."""

    id: str
    answer: str
    cut: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to train on."""
        return not self.answer.strip()


def write_answers(folder: Path, answers: Sequence[Answer]) -> None:
    """Store answers as `<folder>/answers.jsonl`."""
    write_jsonl(folder / ANSWERS, map(asdict, answers))


def read_answers(folder: Path) -> dict[str, Answer]:
    """Id -> answer."""
    return {row["id"]: Answer(**row) for row in read_jsonl(folder / ANSWERS)}


def relabel(name: str, answers: Mapping[str, Answer], part: str, items: Sequence[Example]) -> list[Example]:
    """Return the examples with the model's answers; those with an empty answer are left out.

    Raises UserError if no answer of `part` is left.
    """
    kept = [with_answer(item, answers[item.id].answer) for item in items if not answers[item.id].empty]
    if not kept:
        raise UserError(
            f"benchmarks.{name}.answered_by: found only empty answers to the {len(items)} prompts of {part}, expected "
            "a model that answers them"
        )
    return kept


def counts_of(answers: Mapping[str, Answer], items: Sequence[Example]) -> dict[str, int]:
    """How many answers are empty, were cut by the limit of tokens, or equal the label but for white space around it."""
    own = [answers[item.id] for item in items]
    same = sum(one.answer.strip() == item.answer.strip() for one, item in zip(own, items, strict=True))
    return {
        "prompts": len(own),
        "empty": sum(one.empty for one in own),
        "cut": sum(one.cut for one in own),
        "equal_to_label": same,
    }
