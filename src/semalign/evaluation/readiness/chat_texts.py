"""Whether a chat template writes what every turn of a chat says, and nothing that a turn already holds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from semalign.benchmarks.base import Example
from semalign.benchmarks.chat_templates import marks_of
from semalign.benchmarks.chats import as_read

Splits = Mapping[Any, tuple[Any, Sequence[Example]]]
Finder = Callable[[Example, str, Sequence[str]], str | None]


def warnings_of(tokenizer: Any, splits: Splits) -> Iterator[str]:
    """Turns that a model does not read, or that hold a template's own tokens: the first example, and their number."""
    chats = [
        (split, example)
        for split, (_, examples) in splits.items()
        for example in examples
        if example.messages
    ]
    marks = sorted(marks_of(tokenizer), key=len, reverse=True)
    findings: dict[Finder, list[str]] = {_left_out: [], _rendered_before: []}
    for split, example in chats:
        read = as_read(example, tokenizer)
        for finder, lines in findings.items():
            if found := finder(example, read.prompt + read.answer, marks):
                lines.append(f"{split}: example {example.id}: {found}")
    for lines in filter(None, findings.values()):
        yield f"{lines[0]} ({len(lines)} of {len(chats)} chats)"


def _left_out(example: Example, text: str, _marks: Sequence[str]) -> str | None:
    """The first turn whose text the model does not read as it is."""
    for at, turn in enumerate(example.messages or ()):
        if turn["content"].strip() not in text:
            return f"the chat template does not write messages[{at}] ({turn['role']}) as it is, so the model reads less"
    return None


def _rendered_before(example: Example, text: str, marks: Sequence[str]) -> str | None:
    """The first turn that holds a token which the template writes as well."""
    turns = [turn["content"] for turn in example.messages or ()]
    joined = "\n".join(turns)
    for mark in (mark for mark in marks if mark in joined):
        inside = [content.count(mark) for content in turns]
        if 0 < sum(inside) < text.count(mark):
            at = next(at for at, count in enumerate(inside) if count)
            return f"messages[{at}] holds {mark}, which the chat template writes too: was a template applied before?"
    return None
