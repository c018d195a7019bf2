"""What a model's tokenizer makes of texts: whether it reads what the rows say."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from semalign.benchmarks.base import Example
from semalign.benchmarks.chats import as_read
from semalign.benchmarks.encoding import ANCHOR, Encoded, bare_answer, one_bos
from semalign.benchmarks.fitting import Reader
from semalign.benchmarks.overlap import composed
from semalign.evaluation.language_model import Codec
from semalign.evaluation.readiness import chat_texts
from semalign.evaluation.readiness.cuts import answer_of, prompt_of

AROUND = 12  # characters that are shown before and after a difference
MARKS = re.compile(
    r"<\|\w+\|>|</?s>|<[be]os>|<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>|<｜[^｜<>]{1,40}｜>"
)
Splits = Mapping[Any, tuple[Any, Sequence[Example]]]
Texts = Mapping[Any, Sequence[Encoded]]


def warnings_of(reader: Reader, splits: Splits, encoded: Texts) -> Iterator[str]:
    """What a model reads otherwise than it is written: the first example of each kind, and the number of the others."""
    items = sum(len(examples) for _, examples in splits.values())
    if added := added_tokens(reader.tokenizer):
        yield f"the tokenizer puts {added!r} around a text; only bos and eos are put around an example"
    yield from chat_texts.warnings_of(reader.tokenizer, splits)
    foreign = _foreign_marks(reader.tokenizer)
    marked = [
        (split, example, mark)
        for split, (_, examples) in splits.items()
        for example in examples
        if (mark := foreign(example))
    ]
    if marked:
        split, example, mark = marked[0]
        yield (
            f"{split}: example {example.id} has {mark!r}, which is no special token of the model, so it is read letter "
            f"by letter ({len(marked)} of {items} examples): is it the chat template of another model?"
        )
    changed = [
        (split, example, how)
        for split, (_, examples) in splits.items()
        for example, one in zip(examples, encoded[split], strict=True)
        if (how := difference(example, one, reader.tokenizer))
    ]
    if changed:
        split, example, (part, written, read) = changed[0]
        yield (
            f"{split}: the tokenizer changes the {part} of example {example.id}: {written!r} is read as {read!r} "
            f"({len(changed)} of {items} examples); methods train on what is read"
        )


def difference(example: Example, encoded: Encoded, tokenizer: Any) -> tuple[str, str, str] | None:
    """The part of an example that its tokens do not stand for, as it is written and as it is read, around the place."""
    codec = Codec(tokenizer)
    example = as_read(example, tokenizer)
    prompt = prompt_of(encoded, tokenizer)
    bos = tokenizer.bos_token or ""
    read = tokenizer.decode(prompt, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    written = one_bos(example.prompt, tokenizer)
    if encoded.input_ids[:1] == [tokenizer.bos_token_id] and bos:
        written = written.removeprefix(bos)  # a tokenizer may put a space before a text
    pairs = {
        "prompt": (written.lstrip(" "), read.lstrip(" ")),
        "answer": (
            bare_answer(example.answer, tokenizer),
            codec.decode(answer_of(encoded, tokenizer), skip_special_tokens=False),
        ),
    }
    for part, (text, of_tokens) in pairs.items():
        if text != of_tokens and composed(text) != composed(of_tokens):
            same = (a == b for a, b in zip(text, of_tokens, strict=False))
            at = next((i for i, equal in enumerate(same) if not equal), min(len(text), len(of_tokens)))
            shown = slice(max(0, at - AROUND), at + AROUND)
            return part, text[shown], of_tokens[shown]
    return None


def beyond(encoded: Texts, rows: int | None, splits: Splits) -> tuple[Any, str, int] | None:
    """The first token (split, example, id) that has no row in the model's embedding."""
    if rows is None:
        return None
    for split, (_, examples) in splits.items():
        for example, one in zip(examples, encoded[split], strict=True):
            if max(one.input_ids) >= rows:
                return split, example.id, max(one.input_ids)
    return None


def added_tokens(tokenizer: Any) -> str:
    """The special tokens, other than bos and eos, that a tokenizer puts around a text."""
    plain = list(tokenizer(ANCHOR, add_special_tokens=False)["input_ids"])
    around = list(tokenizer(ANCHOR)["input_ids"])
    own = {tokenizer.bos_token_id, tokenizer.eos_token_id}
    known = [token for token in around if token not in own]
    return "" if known == plain else str(tokenizer.decode([token for token in known if token not in plain]))


def _foreign_marks(tokenizer: Any) -> Any:
    """A function that finds in an example a mark of a chat that neither the vocabulary nor the chat template has."""
    known = {token for token in tokenizer.get_vocab() if MARKS.fullmatch(token)}
    template = str(tokenizer.chat_template or "")

    def find(example: Example) -> str | None:
        example = as_read(example, tokenizer)
        marks = MARKS.findall(example.prompt) + MARKS.findall(example.answer)
        return next((mark for mark in marks if mark not in known and mark not in template), None)

    return find
