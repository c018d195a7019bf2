"""Whether teacher and student cut the same answers into the same tokens.

Stored signals belong to positions of the answer: the state at a position of the teacher supervises the student at the
position of the same number. That is only right if the same text comes next at both. The prompts may be cut
differently, since each model reads its own tokens of them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from semalign.benchmarks.base import Example
from semalign.benchmarks.encoding import Encoded, encode
from semalign.benchmarks.fitting import Reader
from semalign.config.base import Split
from semalign.evaluation.language_model import Codec

BYTE = re.compile(r"<0x([0-9A-F]{2})>")


@dataclass(frozen=True)
class Difference:
    """An example that is cut differently, and both cuts of its answer in a readable form.

    `ends`: only the special tokens differ that end the answer, in their number.
    """

    split: Split
    example: str
    teacher: str
    student: str
    ends: bool = False


@dataclass(frozen=True)
class Cuts:
    """The comparison of one split: differences in answers, and the number of prompts that differ."""

    answers: list[Difference]
    prompts: int


class Comparer:
    """Compares the tokens of two tokenizers, whatever their ids."""

    def __init__(self, teacher: Reader, student: Reader) -> None:
        self.teacher, self.student = teacher.tokenizer, student.tokenizer
        own, other = self.teacher.get_vocab(), self.student.get_vocab()
        self._to_student = {number: other[token] for token, number in own.items() if token in other}
        self._shared = set(self._to_student.values())
        self._equal = teacher.identity == student.identity

    def compare(
        self,
        split: Split,
        examples: Sequence[Example],
        teacher: Sequence[Encoded],
        student: Sequence[Encoded],
    ) -> Cuts:
        """The comparison of a split's examples as teacher and student read them."""
        if self._equal and teacher is student:
            return Cuts([], 0)
        answers: list[Difference] = []
        prompts = 0
        for item, theirs, own in zip(examples, teacher, student, strict=True):
            if found := self._difference(split, item, theirs, own):
                answers.append(found)
            prompts += not self.alike(prompt_of(theirs, self.teacher), prompt_of(own, self.student))
        return Cuts(answers, prompts)

    def _difference(
        self, split: Split, item: Example, teacher: Encoded, student: Encoded
    ) -> Difference | None:
        """The first answer of an example that is cut differently, or that other numbers of special tokens end."""
        chat = item.messages is not None
        cuts = (answers_of(teacher, self.teacher, chat), answers_of(student, self.student, chat))
        for (ids, ends), (other, other_ends) in zip(*cuts, strict=True):
            alike = self.alike(ids, other)
            if not alike or len(ends) != len(other_ends):
                if not alike:
                    ends = other_ends = []
                shown = show(ids + ends, self.teacher), show(other + other_ends, self.student)
                return Difference(split, item.id, *shown, ends=alike)
        return None

    def alike(self, teacher: Sequence[int], student: Sequence[int]) -> bool:
        """Whether two sequences consist of the same pieces of text, token by token."""
        if len(teacher) != len(student):
            return False
        different = [
            pair for pair in zip(teacher, student, strict=True) if self._to_student.get(pair[0]) != pair[1]
        ]
        # a token that both vocabularies have is the same one only under the same name
        named = any(own in self._to_student and other in self._shared for own, other in different)
        return not different or (not named and self._same_pieces(teacher, student))

    def _same_pieces(self, teacher: Sequence[int], student: Sequence[int]) -> bool:
        """Whether the tokens, some of which have other names in the other vocabulary, stand for the same text."""
        pieces = pieces_of(teacher, self.teacher)
        return pieces is not None and pieces == pieces_of(student, self.student)


def encode_all(examples: Sequence[Example], readers: Mapping[str, Reader]) -> dict[str, list[Encoded]]:
    """Role -> the examples as that model reads them; models with the same tokenizer share the result."""
    encoded: dict[str, list[Encoded]] = {}
    for role, reader in readers.items():
        other = next(
            (other for other in encoded if readers[other].reads(examples) == reader.reads(examples)), None
        )
        encoded[role] = encoded[other] if other else [encode(item, reader.tokenizer) for item in examples]
    return encoded


def prompt_of(encoded: Encoded, tokenizer: Any) -> list[int]:
    """The tokens of a prompt without bos."""
    ids = encoded.input_ids[: encoded.answer_start]
    return ids[1:] if ids[:1] == [tokenizer.bos_token_id] else ids


def answer_of(encoded: Encoded, tokenizer: Any) -> list[int]:
    """The tokens of an answer without the final eos."""
    ids = encoded.input_ids[encoded.answer_start :]
    return ids[:-1] if ids[-1:] == [tokenizer.eos_token_id] else ids


def answers_of(encoded: Encoded, tokenizer: Any, chat: bool) -> list[tuple[list[int], list[int]]]:
    """The tokens of every answer without those that end it, and the latter.

    The special tokens that end a turn of a chat may have other names in another chat template, as eos may.
    """
    marks = {tokenizer.eos_token_id, *(tokenizer.get_added_vocab().values() if chat else ())}
    answers = []
    for start, end in encoded.spans:
        stop = end
        while stop > start and encoded.input_ids[stop - 1] in marks and (chat or stop == end):
            stop -= 1
        answers.append((encoded.input_ids[start:stop], encoded.input_ids[stop:end]))
    return answers


def pieces_of(ids: Sequence[int], tokenizer: Any) -> list[str] | None:
    """What each token adds to the text before it; None if a character is cut in a way that the text does not show.

    The tokens of one character's bytes add nothing before the last of them. They are known if there is one per byte.
    """
    codec = Codec(tokenizer)
    pieces: list[str] = []
    known, waiting = "", 0
    for end in range(1, len(ids) + 1):
        whole = codec.decode(ids[:end], skip_special_tokens=False).rstrip("\ufffd")
        piece = whole[len(known) :]
        if piece and waiting and len(piece[0].encode()) != waiting + 1:
            return None
        waiting = 0 if piece else waiting + 1
        known = whole if piece else known
        pieces.append(piece)
    return pieces


def show(ids: Sequence[int], tokenizer: Any) -> str:
    """A cut as text with a bar between tokens: `' 12|3'`."""
    return repr("|".join(readable(token, tokenizer) for token in ids))


def readable(token: int, tokenizer: Any) -> str:
    """The text of a token; its name if it is only a part of a character."""
    name = str(tokenizer.convert_ids_to_tokens(token))
    if BYTE.fullmatch(name):
        return name
    text = str(tokenizer.decode([token], clean_up_tokenization_spaces=False))
    if "\ufffd" in text:
        return name
    return f" {text}" if name.startswith("▁") and not text.startswith(" ") else text
