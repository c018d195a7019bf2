"""Encoding of examples as tokens, and of encoded examples as a padded batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from semalign.benchmarks.base import Example
from semalign.benchmarks.chats import rendered
from semalign.benchmarks.turns import Cutter, Rendered, Span, token_spans
from semalign.runtime.errors import UserError

IGNORED = -100  # the label that cross-entropy ignores
ANCHOR = "x"  # precedes an answer if the tokenizer would otherwise add a space
OTHER_ANCHORS = ("\n", ")", "0", "Q", "é")


@dataclass(frozen=True)
class Encoded:
    """One example's tokens; those from `answer_start` on are the answer and the final eos.

    `turns` are the places (start, end) of earlier answers in the prompt of a chat, which are supervised as well.
    """

    input_ids: list[int]
    answer_start: int
    turns: tuple[Span, ...] = ()

    @property
    def spans(self) -> tuple[Span, ...]:
        """The places (start, end) of everything that is supervised, in order."""
        return (*self.turns, (self.answer_start, len(self.input_ids)))

    @property
    def supervised(self) -> list[int]:
        """The tokens that are supervised, in order."""
        return [token for start, end in self.spans for token in self.input_ids[start:end]]

    @property
    def positions(self) -> int:
        """The number of supervised positions."""
        return sum(end - start for start, end in self.spans)

    @property
    def last(self) -> "Encoded":
        """The same example with its last answer alone supervised, the one that is scored."""
        return Encoded(self.input_ids, self.answer_start) if self.turns else self


@dataclass(frozen=True)
class Batch:
    """Right-padded examples, each tensor [examples, positions].

    `labels[:, t]` is the token after position t if that token belongs to an answer, else -100.
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor

    @property
    def supervised(self) -> torch.Tensor:
        """Boolean [examples, positions]: the positions whose next token is in the answer or is its eos."""
        return self.labels != IGNORED

    @property
    def size(self) -> list[float]:
        """What operations are linear in: one, padded tokens, the same times their length, supervised positions."""
        examples, length = self.input_ids.shape
        return [1.0, examples * length, examples * length**2, int(self.supervised.sum())]

    def to(self, device: str | torch.device) -> "Batch":
        """The same batch on `device`."""
        return Batch(self.input_ids.to(device), self.attention_mask.to(device), self.labels.to(device))


def encode(example: Example, tokenizer: Any) -> Encoded:
    """Tokens of bos (if the tokenizer adds one), prompt, answer and eos (if the tokenizer has one).

    There is one bos and one eos even if the prompt begins or the answer ends with their text, as in a rendered chat.
    Special tokens inside a text are tokenised as such. Prompt and answer are tokenised separately, so that the boundary
    never depends on the answer. A chat is read by its template; all its assistant's turns are answers. Raises UserError
    if prompt or answer gives no token.
    """
    text = rendered(example, tokenizer)
    prompt = encode_prompt(text.prompt, tokenizer)
    answer = encode_answer(text.answer, tokenizer)
    if not prompt or not answer:
        raise UserError(
            f"example {example.id}: found no tokens in the {'answer' if prompt else 'prompt'}, expected some"
        )
    end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    return Encoded(prompt + answer + end, len(prompt), _turns(text, prompt, tokenizer))


def encode_prompt(text: str, tokenizer: Any) -> list[int]:
    """The prompt's tokens, after bos if the tokenizer begins a text with it; training and evaluation share this.

    A text that begins with bos itself, as a rendered chat does, gets no second one.
    """
    start = [tokenizer.bos_token_id] if adds_bos(tokenizer) else []
    ids = _plain(one_bos(text, tokenizer), tokenizer)
    return ids if start and ids[:1] == start else start + ids


def encode_answer(text: str, tokenizer: Any) -> list[int]:
    """The tokens of a text that continues another, without eos at its end.

    A tokenizer that puts a space before any text (Llama-2's) would put one inside the example. In that case the
    answer is tokenised after an anchor, which is then cut off: the first one that forms no token with the answer's
    beginning. Raises UserError if every one does.
    """
    return _continued(bare_answer(text, tokenizer), tokenizer)


def _continued(text: str, tokenizer: Any) -> list[int]:
    if not tokenizer.convert_ids_to_tokens(_plain(ANCHOR, tokenizer)[:1])[0].startswith("▁"):
        return _plain(text, tokenizer)
    for anchor in (ANCHOR, *OTHER_ANCHORS):
        before, whole = _plain(anchor, tokenizer), _plain(anchor + text, tokenizer)
        if whole[: len(before)] == before:
            return whole[len(before) :]
    raise UserError(
        f"answer {text[:40]!r}: found tokens that begin before it after any of {ANCHOR!r}, {str(OTHER_ANCHORS)[1:-1]}, "
        "expected an answer that can be told from its prompt (begin it with a space)"
    )


def _turns(text: Rendered, prompt: list[int], tokenizer: Any) -> tuple[Span, ...]:
    """The tokens of a chat's earlier answers, which are characters of its prompt."""
    if not text.turns:
        return ()
    whole = one_bos(text.prompt, tokenizer)
    shift = len(text.prompt) - len(whole)
    spans = [(start - shift, end - shift) for start, end in text.turns]
    begin = encode_prompt(whole[: spans[0][0]], tokenizer)
    return token_spans(
        whole, spans, prompt, Cutter(tokenizer, begin, lambda part: _continued(part, tokenizer))
    )


def adds_bos(tokenizer: Any) -> bool:
    """Whether the tokenizer begins a text with bos."""
    return bool(tokenizer(ANCHOR)["input_ids"][:1] == [tokenizer.bos_token_id])


def one_bos(text: str, tokenizer: Any) -> str:
    """The text with one bos at its beginning if there are several, or white space before it."""
    rest = _without_bos(text, tokenizer)
    return text if rest == text else tokenizer.bos_token + rest


def without_eos(text: str, tokenizer: Any) -> str:
    """The text without eos, and white space after it, at its end."""
    while (eos := tokenizer.eos_token) and text.rstrip().endswith(eos):
        text = text.rstrip().removesuffix(eos)
    return text


def bare_answer(text: str, tokenizer: Any) -> str:
    """The answer as a model can write it: without eos, and white space after it, at the end.

    Nor does it begin with bos, if the tokenizer begins texts with it. A target must be compared in this form, since a
    generated text holds neither.
    """
    text, bos = without_eos(text, tokenizer), tokenizer.bos_token
    if bos and bos in text and adds_bos(tokenizer):
        rest = _without_bos(text, tokenizer)
        return rest if rest[:1].isspace() else text[: len(text) - len(text.lstrip())] + rest
    return text


def _without_bos(text: str, tokenizer: Any) -> str:
    while (bos := tokenizer.bos_token) and text.lstrip().startswith(bos):
        text = text.lstrip().removeprefix(bos)
    return text


def collate(encoded: Sequence[Encoded], pad_id: int) -> Batch:
    """Pad to the longest example, on the right."""
    positions = max(len(item.input_ids) for item in encoded)
    shape = (len(encoded), positions)
    input_ids = torch.full(shape, pad_id, dtype=torch.long)
    attention_mask = torch.zeros(shape, dtype=torch.long)
    labels = torch.full(shape, IGNORED, dtype=torch.long)
    for row, item in enumerate(encoded):
        length = len(item.input_ids)
        tokens = torch.tensor(item.input_ids)
        input_ids[row, :length] = tokens
        attention_mask[row, :length] = 1
        for start, end in item.spans:
            labels[row, start - 1 : end - 1] = tokens[start:end]
    return Batch(input_ids, attention_mask, labels)


def like_lengths(encoded: Sequence[Encoded], size: int) -> list[list[int]]:
    """Group all indices into `size` examples of similar length each, which keeps padding small.

    The longest come first, so that a batch that does not fit into memory fails at once.
    """
    order = sorted(range(len(encoded)), key=lambda i: -len(encoded[i].input_ids))
    return [order[start : start + size] for start in range(0, len(order), size)]


def _plain(text: str, tokenizer: Any) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
