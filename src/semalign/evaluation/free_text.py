"""Measures of a generated text beside the exact match: a lenient match, token F1, and their means over items.

Texts are compared in the normal form of SQuAD's evaluation script (Rajpurkar et al. 2016, arXiv:1606.05250, section
6.1): lower case, without punctuation, without the articles a, an and the, with single spaces. The script is for spans
of English text. So three things are added: accents are removed, letters are compared in Unicode's compatible forms, and
a mark that is part of a number stays (`3.5` is not `35`, `-4` is not `4`).
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from semalign.evaluation.items import ItemRecord

TASK = "own-text"  # the task file of a user's own generated texts
ARTICLES = re.compile(r"\b(a|an|the)\b")
# a mark between digits, except for the comma before thousands, or a sign
IN_NUMBER = re.compile(r"(?<=\d)(?:[.:/-]|,(?!\d{3}(?!\d)))(?=\d)|(?<!\w)[-+](?=\d)")
ACCENTS = re.compile("[\u0300-\u036f]")  # marks of other scripts, such as Japanese voicing, change the letter
MINUS = str.maketrans("−–", "--")
KEPT = "\ue000"  # stands for a mark inside a number; a private character that no text holds


def plain(text: str) -> str:
    """The normal form of a text (see the module's docstring)."""
    folded = unicodedata.normalize("NFKD", text.replace(KEPT, "").translate(MINUS)).casefold()
    letters = ACCENTS.sub("", folded)
    marks = iter(IN_NUMBER.findall(letters))
    masked = IN_NUMBER.sub(KEPT, letters)
    bare = "".join(letter for letter in masked if not _is_punctuation(letter))
    words = " ".join(ARTICLES.sub(" ", bare).split())
    return unicodedata.normalize(
        "NFC", "".join(next(marks) if letter == KEPT else letter for letter in words)
    )


def matches(record: ItemRecord) -> ItemRecord:
    """The record with its lenient match (0 or 1) and its token F1 (0 to 1).

    As many lines of the response count as the reference has, like in the exact match. An exact match is also a lenient
    one, with an F1 of 1. If nothing of the reference is left in the normal form, such as of `?`, only the exact match
    counts. Tokens of F1 are words between spaces, each counted as often as it occurs in both texts.
    """
    expected = plain(record.expected)
    if record.correct == 1 or not expected:
        exact = float(record.correct or 0.0)
        return replace(record, lenient=exact, token_f1=exact)
    lines = len(record.expected.strip().splitlines())
    written = plain("\n".join(record.response.strip().splitlines()[:lines]))
    return replace(record, lenient=float(written == expected), token_f1=token_f1(written, expected))


def token_f1(written: str, expected: str) -> float:
    """F1 of the words of two texts in normal form, 0 to 1."""
    left, right = Counter(written.split()), Counter(expected.split())
    common = (left & right).total()
    return 2 * common / (left.total() + right.total()) if common else 0.0


def with_matches(
    records: Sequence[ItemRecord], evaluation: Mapping[str, Mapping[str, Any]]
) -> list[ItemRecord]:
    """The records; those of free text with their matches. `evaluation` has the recorded facts of each task."""
    free = free_items(records, evaluation)
    return [matches(record) if record.id in free else record for record in records]


def free_items(records: Sequence[ItemRecord], evaluation: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The ids of the items whose answers are free text; a record names its task only if there are several."""
    only = next(iter(evaluation), "")
    free = {name for name, facts in evaluation.items() if facts.get("task") == TASK}
    return {record.id for record in records if (record.part or only) in free}


def _is_punctuation(letter: str) -> bool:
    """Whether a character is in one of Unicode's categories of punctuation, or one of ASCII's further marks."""
    return unicodedata.category(letter).startswith("P") or letter in "$+<=>^`|~"
