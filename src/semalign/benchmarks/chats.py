"""Chats as texts: by the chat template of a model, by a template file, or in a plain layout."""

from dataclasses import replace
from typing import Any

from semalign.benchmarks.base import Example
from semalign.benchmarks.chat_templates import ALWAYS, AUTO, Template, marks_of
from semalign.benchmarks.turns import Rendered, Span, Turns
from semalign.runtime.errors import UserError

NONE = "none"  # the value of Example.template for the plain layout
NAMES = {"system": "", "user": "User: ", "assistant": "Assistant: "}


def rendered(example: Example, tokenizer: Any) -> Rendered:
    """The prompt and the answer of an example; of a chat, in the layout that its template or the tokenizer's gives.

    Raises UserError if a template can't render the chat, or changes what an assistant says.
    """
    if example.messages is None:
        return Rendered(example.prompt, example.answer)
    if example.template == NONE or (example.template == AUTO and not tokenizer.chat_template):
        return plain(example.messages)
    if example.template == ALWAYS and not tokenizer.chat_template:
        raise UserError(
            f"example {example.id}: chat_template: found always, but the tokenizer of a model has no chat template; "
            "expected the path of a template, or auto"
        )
    return Template(example, tokenizer).rendered()


def as_read(example: Example, tokenizer: Any) -> Example:
    """The example with the prompt and the answer that a model reads."""
    if example.messages is None:
        return example
    text = rendered(example, tokenizer)
    return replace(example, prompt=text.prompt, answer=text.answer)


def as_said(example: Example, tokenizer: Any) -> Example:
    """As `as_read`, without the token that ends the answer of a chat, which is no text that a model writes."""
    read = as_read(example, tokenizer)
    if example.messages is None:
        return read
    mark = max(filter(read.answer.endswith, marks_of(tokenizer)), key=len, default="")
    return replace(read, answer=read.answer.removesuffix(mark))


def with_answer(example: Example, answer: str) -> Example:
    """The example with another answer, also in the last turn of a chat."""
    if example.messages is None:
        return replace(example, answer=answer)
    last = {**example.messages[-1], "content": answer.strip()}
    return replace(example, answer=answer, messages=[*example.messages[:-1], last])


def plain(messages: Turns) -> Rendered:
    """The plain layout: `User: ...`, a blank line, `Assistant: ...`, and so on; the system's text comes first."""
    text = ""
    turns: list[Span] = []
    for turn in messages[:-1]:
        text += NAMES[turn["role"]]
        start = len(text) - 1  # with the space before an answer, which tokenizers hold together with a word
        text += turn["content"]
        if turn["role"] == "assistant":
            turns.append((start, len(text)))
        text += "\n\n" if turn["content"] else ""
    return Rendered(f"{text}{NAMES['assistant'].rstrip()}", f" {messages[-1]['content']}", tuple(turns))
