"""Prompts that are cut on the left until every model's context holds the example.

The text is cut, not the tokens of one model: teacher and student read the same words, and the splits show what is
trained on. A prompt keeps the text of bos at its beginning, if it has one. Of a chat the oldest turns go first, then
the beginning of the first question that is left; the system's turn goes only if the rest does not fit beside it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from semalign.benchmarks.base import Example
from semalign.benchmarks.chats import plain
from semalign.benchmarks.turns import Turns

Excess = Callable[
    [Example], tuple[int, Any]
]  # tokens above a context (the most over all models), and that tokenizer


@dataclass(frozen=True)
class _Part:
    """A text of an example that may be cut, and how the example is put together again."""

    text: str
    put: Callable[[str], Example]


def shorten(item: Example, excess: Excess) -> Example | None:
    """The item with as much of its prompt as fits; None if not even one token of it does."""
    for whole, part in _stages(item, excess):
        if excess(whole)[0] <= 0:
            return whole
        if part and (found := _cut(part, excess)):
            return found
    return None


def _stages(item: Example, excess: Excess) -> Iterator[tuple[Example, _Part | None]]:
    """What may be left of an item, from the most to the least."""
    if item.messages is None:
        bos = excess(item)[1].bos_token or ""
        begin = bos if bos and item.prompt.startswith(bos) else ""
        yield item, _Part(item.prompt.removeprefix(begin), lambda text: replace(item, prompt=begin + text))
        return
    first = 1 if item.messages[0]["role"] == "system" else 0
    system, turns = item.messages[:first], item.messages[first:]
    for start in range(0, len(turns), 2):
        last = start == len(turns) - 2
        yield _chat(item, [*system, *turns[start:]]), _question(item, system, turns[start:]) if last else None
    if system:
        yield _chat(item, turns[-2:]), _question(item, [], turns[-2:])


def _question(item: Example, system: Turns, turns: Turns) -> _Part:
    question, answer = turns
    return _Part(
        question["content"], lambda text: _chat(item, [*system, {**question, "content": text}, answer])
    )


def _chat(item: Example, messages: Turns) -> Example:
    """The item with other turns, and the same answer."""
    if list(messages) == item.messages:
        return item
    return replace(item, messages=list(messages), prompt=plain(messages).prompt)


def _cut(part: _Part, excess: Excess) -> Example | None:
    """The item with the longest end of a text, in tokens, that fits; None if none does."""
    text = part.text
    while text.strip():
        item = part.put(text)
        over, tokenizer = excess(item)
        if over <= 0:
            return item
        text = _without_first(text, over, tokenizer)
    return None


def _without_first(text: str, tokens: int, tokenizer: Any) -> str:
    """The text without its first tokens, and at least one character shorter."""
    places = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    start = places[tokens][0] if tokens < len(places) else len(text)
    return text[max(start, 1) :]
