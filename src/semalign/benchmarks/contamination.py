"""Training items that a test set already holds, by normalised text and by n-grams of words."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from semalign.benchmarks.base import Example
from semalign.benchmarks.overlap import normalise

WIDTH = 13  # words of an n-gram, as in the overlap analysis of GPT-3 (Brown et al. 2020, appendix C)
COMMON = 10  # an n-gram in more test items than this belongs to a template, not to an item
WORDS = re.compile(r"\w+")

Reason = Literal["same text", "shared n-gram", "repeated"]


@dataclass(frozen=True)
class Compared:
    """The parts of an item to compare.

    Two items are the same if any of their normalised `keys` are equal; `text` is compared by its n-grams.
    """

    keys: tuple[str, ...]
    text: str


class TestSet:
    """The texts of a test set, indexed for lookup."""

    __test__ = False  # keeps pytest from collecting this class because of its name

    def __init__(self, items: Iterable[Compared], width: int = WIDTH, common: int = COMMON) -> None:
        """Index the items; `width` words in a row count as shared unless more than `common` items hold them."""
        self.width = width
        compared = list(items)
        self.keys = {key for item in compared for key in item.keys}
        # Items of a benchmark share long phrases of its template, which say nothing about one item. They are recognised
        # by the number of items that hold them and cut out of every text. No n-gram reaches across a cut, because one
        # that begins in a template would match on the template's words.
        texts = [words(item.text) for item in compared]
        counts = Counter(gram for text in texts for gram in set(ngrams(text, width)))
        self.template = {gram for gram, count in counts.items() if count > common}
        self.grams = {gram for text in texts for gram in self._own_grams(text)}

    def holds(self, item: Compared) -> Reason | None:
        """Why an item counts as one of the test set; None if it does not."""
        if self.keys.intersection(item.keys):
            return "same text"
        own = self._own_grams(words(item.text))
        return "shared n-gram" if any(gram in self.grams for gram in own) else None

    def _own_grams(self, text: Sequence[str]) -> Iterator[str]:
        """The n-grams of the text between the template's phrases."""
        taken = [False] * len(text)
        for start, gram in enumerate(ngrams(text, self.width)):
            if gram in self.template:
                taken[start : start + self.width] = [True] * self.width
        run: list[str] = []
        for word, in_template in zip(text, taken, strict=True):
            if in_template:
                yield from ngrams(run, self.width)
                run = []
            else:
                run.append(word)
        yield from ngrams(run, self.width)


def plain(text: str) -> str:
    """The words of a text in lower case, separated by single spaces; the normalised text if it has no words."""
    return " ".join(words(text)) or normalise(text)


def words(text: str) -> list[str]:
    """The words and numbers of a text in lower case."""
    return WORDS.findall(text.lower())


def ngrams(text: Sequence[str], width: int = WIDTH) -> Iterator[str]:
    """Every `width` words in a row; none for a shorter text."""
    return (" ".join(text[start : start + width]) for start in range(len(text) - width + 1))


def keep_clean(
    pool: Iterable[tuple[Example, Compared]], test: TestSet, seen: set[str]
) -> tuple[list[Example], dict[Reason, list[str]]]:
    """Keep the items of a pool that are neither in the test set nor a repetition of one that was `seen` before.

    Returns them with the ids of the dropped ones, by reason; the keys of kept items are added to `seen`. Items repeat
    each other if any of their keys are the same.
    """
    kept = []
    dropped: dict[Reason, list[str]] = {"same text": [], "shared n-gram": [], "repeated": []}
    for example, compared in pool:
        reason = test.holds(compared) or ("repeated" if seen.intersection(compared.keys) else None)
        if reason:
            dropped[reason].append(example.id)
        else:
            seen.update(compared.keys)
            kept.append(example)
    return kept, dropped
