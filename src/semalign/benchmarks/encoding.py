"""Encoding of examples as tokens, and of encoded examples as a padded batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from semalign.benchmarks.base import Example
from semalign.runtime.errors import UserError

IGNORED = -100  # the label that cross-entropy ignores
ANCHOR = "x"  # precedes an answer if the tokenizer would otherwise add a space


@dataclass(frozen=True)
class Encoded:
    """One example's tokens; those from `answer_start` on are the answer and the final eos."""

    input_ids: list[int]
    answer_start: int


@dataclass(frozen=True)
class Batch:
    """Right-padded examples, each tensor [examples, positions].

    `labels[:, t]` is the token after position t if that token belongs to the answer, else -100.
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor

    @property
    def supervised(self) -> torch.Tensor:
        """Boolean [examples, positions]: the positions whose next token is in the answer or is its eos."""
        return self.labels != IGNORED

    def to(self, device: str | torch.device) -> "Batch":
        """The same batch on `device`."""
        return Batch(self.input_ids.to(device), self.attention_mask.to(device), self.labels.to(device))


def encode(example: Example, tokenizer: Any) -> Encoded:
    """Tokens of bos (if the tokenizer adds one), prompt, answer and eos (if the tokenizer has one).

    Prompt and answer are tokenised separately, so that the boundary never depends on the answer. Raises UserError
    if prompt or answer gives no token.
    """
    prompt = encode_prompt(example.prompt, tokenizer)
    answer = encode_answer(example.answer, tokenizer)
    if not prompt or not answer:
        raise UserError(
            f"example {example.id}: found no tokens in the {'answer' if prompt else 'prompt'}, expected some"
        )
    end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    return Encoded(prompt + answer + end, len(prompt))


def encode_prompt(text: str, tokenizer: Any) -> list[int]:
    """The prompt's tokens, after bos if the tokenizer begins a text with it; training and evaluation share this."""
    first = tokenizer(ANCHOR)["input_ids"][:1]
    start = first if first == [tokenizer.bos_token_id] else []
    return start + _plain(text, tokenizer)


def encode_answer(text: str, tokenizer: Any) -> list[int]:
    """The tokens of a text that continues another.

    A tokenizer that puts a space before any text (Llama-2's) would put one inside the example. In that case the
    answer is tokenised after an anchor, which is then cut off.
    """
    anchor = _plain(ANCHOR, tokenizer)
    if tokenizer.convert_ids_to_tokens(anchor[:1])[0].startswith("▁"):
        return _plain(ANCHOR + text, tokenizer)[len(anchor) :]
    return _plain(text, tokenizer)


def collate(encoded: Sequence[Encoded], pad_id: int) -> Batch:
    """Pad to the longest example, on the right."""
    positions = max(len(item.input_ids) for item in encoded)
    shape = (len(encoded), positions)
    input_ids = torch.full(shape, pad_id, dtype=torch.long)
    attention_mask = torch.zeros(shape, dtype=torch.long)
    labels = torch.full(shape, IGNORED, dtype=torch.long)
    for row, item in enumerate(encoded):
        length = len(item.input_ids)
        start = item.answer_start
        tokens = torch.tensor(item.input_ids)
        input_ids[row, :length] = tokens
        attention_mask[row, :length] = 1
        labels[row, start - 1 : length - 1] = tokens[start:]
    return Batch(input_ids, attention_mask, labels)


def like_lengths(encoded: Sequence[Encoded], size: int) -> list[list[int]]:
    """Group all indices into `size` examples of similar length each, which keeps padding small.

    The longest come first, so that a batch that does not fit into memory fails at once.
    """
    order = sorted(range(len(encoded)), key=lambda i: -len(encoded[i].input_ids))
    return [order[start : start + size] for start in range(0, len(order), size)]


def _plain(text: str, tokenizer: Any) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
