"""Checks that splits allow a fair test: none is empty, and no two share an item."""

import unicodedata
from collections.abc import Callable, Iterable
from itertools import combinations

from semalign.benchmarks.base import Example
from semalign.config.base import SPLITS, Split
from semalign.runtime.errors import UserError


def composed(text: str) -> str:
    """The text with accents and their letters as one character (Unicode's NFC)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def normalise(text: str) -> str:
    """Lower case, with every run of white space as one space; texts that are equal after this count as the same."""
    return " ".join(composed(text).split()).lower()


def by_prompt(example: Example) -> str:
    """The key of an item's question: its normalised prompt."""
    return normalise(example.prompt)


def by_text(example: Example) -> str:
    """The key of the whole item: its normalised prompt and answer."""
    return normalise(example.prompt + example.answer)


def find_overlap(
    first: Iterable[Example], second: Iterable[Example], key: Callable[[Example], str] = by_prompt
) -> list[tuple[str, str]]:
    """Pairs of ids, one from each split, of items with the same `key`."""
    seen = {key(example): example.id for example in first}
    return [(seen[key(example)], example.id) for example in second if key(example) in seen]


def check_splits(name: str, splits: dict[Split, list[Example]]) -> None:
    """Raise UserError if a split is missing or empty, or if two splits share a prompt or a prompt with its answer."""
    for split in SPLITS:
        if not splits.get(split):
            raise UserError(f"benchmark {name}: split {split} is empty; expected at least one example")
    for what, key in (("text", by_text), ("prompt", by_prompt)):
        ids = {
            split: {key(example): example.id for example in examples} for split, examples in splits.items()
        }
        for one, other in combinations(splits, 2):
            if shared := [(ids[one][text], id_) for text, id_ in ids[other].items() if text in ids[one]]:
                raise UserError(
                    f"benchmark {name}: {one} and {other} share {len(shared)} items by {what} "
                    f"(first {shared[0][0]} and {shared[0][1]}); expected none"
                )
