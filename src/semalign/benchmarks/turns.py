"""Chats as texts and as tokens: the earlier answers are places in the prompt of the last one."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from typing import Any

from semalign.runtime.errors import UserError

Span = tuple[int, int]  # start and end
Turns = Sequence[dict[str, str]]  # each with `role` and `content`


@dataclass(frozen=True)
class Rendered:
    """An example as one model reads it: `turns` are the characters of the prompt that are earlier answers."""

    prompt: str
    answer: str
    turns: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Cutter:
    """How a prompt is cut: the tokens before its first answer, and a function that cuts a text which continues."""

    tokenizer: Any
    begin: list[int]
    cut: Callable[[str], list[int]]


def token_spans(text: str, spans: Sequence[Span], prompt: list[int], cutter: Cutter) -> tuple[Span, ...]:
    """The places (start, end) among the tokens `prompt` of the characters `spans` of its text.

    The prompt is cut as a whole, since that is how it is scored. With nearly every template its parts, cut one by one,
    give the same tokens; else a token belongs to the part that it begins in.
    """
    edges = [*chain(*spans), len(text)]
    try:
        parts = [cutter.cut(text[start:end]) if start < end else [] for start, end in pairwise(edges)]
    except UserError:  # a part whose beginning can't be told from what is before it
        parts = []
    places = list(accumulate(map(len, parts), initial=len(cutter.begin)))
    if [*cutter.begin, *chain(*parts)] != prompt:
        places = _beginnings(text, edges, prompt, cutter.tokenizer)
    return tuple(zip(places[:-1:2], places[1::2], strict=True))


def _beginnings(text: str, edges: Sequence[int], prompt: list[int], tokenizer: Any) -> list[int]:
    """Index of the first token that begins at or after each of these characters."""
    try:
        found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    except NotImplementedError:
        raise UserError(
            "tokenizer: found one in Python only, which does not say where its tokens are; expected a tokenizer.json"
        ) from None
    starts = [start for start, _ in found]
    return [len(prompt) - len(starts) + bisect_left(starts, edge) for edge in edges]
