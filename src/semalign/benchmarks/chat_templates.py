"""One chat as text by a chat template.

A template is run by transformers (`apply_chat_template`), whose Jinja environment is a sandbox without files, imports
and attributes of Python. The supervised texts are found by comparing: the chat is rendered as it is, with a marker in
place of every assistant's text, and without the last turn but with the template's generation prompt.
"""

import re
from typing import Any

from semalign.benchmarks.base import Example
from semalign.benchmarks.turns import Rendered, Span, Turns
from semalign.runtime.errors import UserError

AUTO, ALWAYS = "auto", "always"  # values of Example.template for the tokenizer's own template
# for templates that write the date, so that the same chat gives the same text every day
TODAY = "26 Jul 2024"
CLOCK = "strftime_now"  # transformers' function for the date, in whose place this macro is put
DATE = f"{{% macro {CLOCK}(format) %}}{TODAY}{{% endmacro %}}{{{{ '' }}}}"


class Template:
    """One chat under one template."""

    def __init__(self, example: Example, tokenizer: Any) -> None:
        self.example, self.tokenizer = example, tokenizer
        self.template = None if example.template in (AUTO, ALWAYS) else example.template
        self.messages: Turns = example.messages or ()

    def rendered(self) -> Rendered:
        """Prompt and answer; both end where a model stops reading and writing."""
        whole = self._text(self.messages)
        places = self._places(whole)
        start, end = places.pop()
        prompt_end = _before_spaces(whole, self._prompt_end(whole, start))
        turns = tuple((_before_spaces(whole, first), last) for first, last in places)
        return Rendered(whole[:prompt_end], whole[prompt_end:end], turns)

    def _text(self, messages: Turns, generate: bool = False) -> str:
        try:
            template = self.tokenizer.get_chat_template(self.template)
            text = self.tokenizer.apply_chat_template(
                list(messages),
                chat_template=DATE + template if CLOCK in template else template,
                tokenize=False,
                add_generation_prompt=generate,
                date_string=TODAY,
            )
        except Exception as error:  # a template may fail in any way; Jinja's own errors are only some of them
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise self._error(f"the template can't render the chat ({reason})") from None
        return str(text)

    def _places(self, whole: str) -> list[Span]:
        """Where each assistant's text, with the special token that ends it, is in the whole text."""
        marks = [f"{_unused(whole)}{at}z" for at in range(len(self.messages))]
        marked = [
            {**turn, "content": mark} if turn["role"] == "assistant" else turn
            for turn, mark in zip(self.messages, marks, strict=True)
        ]
        found = self._text(marked)
        places: list[Span] = []
        position = 0
        for at in (at for at, turn in enumerate(self.messages) if turn["role"] == "assistant"):
            before, mark, found = found.partition(marks[at])
            after = re.split("|".join(marks), found, maxsplit=1)[0]
            start = position + len(before)
            end = _end(whole, start, self.messages[at]["content"], after)
            if not mark or not whole.startswith(before, position) or end is None:
                raise self._error(f"the template does not write messages[{at}] as it is")
            places.append((start, end + self._mark(after)))
            position = end
        if whole[position:] != found:
            raise self._error("the template writes other text after the last turn")
        return places

    def _prompt_end(self, whole: str, start: int) -> int:
        """Where the prompt of the last answer ends: where the template lets a model begin to write.

        Text that the template puts before an answer, such as an empty block of thoughts, belongs to the prompt.
        """
        prompt = self._text(self.messages[:-1], generate=True)
        if not whole.startswith(prompt) or len(prompt) > start:
            shared = next((at for at, (a, b) in enumerate(zip(whole, prompt, strict=False)) if a != b), start)
            raise self._error(
                f"the template begins an answer with {prompt[min(shared, start) :][:40]!r} for a "
                "model that writes, but not for one that reads"
            )
        return len(prompt) if not whole[len(prompt) : start].strip() else start

    def _mark(self, after: str) -> int:
        """The length of the special token, with the white space before it, that ends an assistant's text."""
        blank = len(after) - len(after.lstrip())
        found = max(
            (mark for mark in marks_of(self.tokenizer) if after.startswith(mark, blank)), key=len, default=""
        )
        return blank + len(found) if found else 0

    def _error(self, text: str) -> UserError:
        return UserError(
            f"example {self.example.id}: chat_template: {text}; expected another template, or none"
        )


def marks_of(tokenizer: Any) -> set[str]:
    """The texts of the tokens that may end a turn: those added to the vocabulary, and eos."""
    return {str(token).strip() for token in (*tokenizer.get_added_vocab(), tokenizer.eos_token or "")} - {""}


def _end(whole: str, start: int, content: str, after: str) -> int | None:
    """Where a text ends that begins at `start`, as it is or without white space around it; None if it is not there."""
    for text in (content, content.rstrip(), content.lstrip(), content.strip()):
        if whole.startswith(text, start) and whole.startswith(after, start + len(text)):
            return start + len(text)
    return None


def _before_spaces(text: str, end: int) -> int:
    """`end` without the spaces before it, which belong to what follows."""
    return len(text[:end].rstrip(" "))


def _unused(text: str) -> str:
    """A word that does not occur in a text."""
    word = "turn"
    while word in text:
        word += "x"
    return word
