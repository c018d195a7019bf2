"""What a model's context can hold: lengths of examples, the limit of generated tokens, and leaving out long examples.

A user's own task has no fixed number of tokens to generate. Its limit follows from its references, so that every
reference can be generated and short answers need little room.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress
from pathlib import Path
from typing import Any

from semalign.benchmarks.base import Example, Prepared
from semalign.benchmarks.encoding import encode
from semalign.benchmarks.tokenizer_files import read_tokenizer
from semalign.config.base import Split
from semalign.config.benchmarks import RealBenchmark
from semalign.runtime.errors import UserError

LOGGER = logging.getLogger(__name__)
MARGIN = 16  # least number of tokens that the limit leaves after the longest reference


@dataclass(frozen=True)
class Reader:
    """A model as a reader of texts: its name, its tokenizer, its context in tokens, and the rows of its embedding.

    `rows` is None if they are not known.
    """

    name: str
    tokenizer: Any
    context: int
    rows: int | None = None

    @cached_property
    def identity(self) -> tuple[Any, ...]:
        """Equal for readers that encode every text alike."""
        fast = getattr(self.tokenizer, "backend_tokenizer", None)
        text = fast.to_str() if fast else str(id(self.tokenizer))
        digest = hashlib.sha256(text.encode()).hexdigest()
        return digest, self.tokenizer.bos_token_id, self.tokenizer.eos_token_id

    def reads(self, examples: Sequence[Example]) -> tuple[Any, ...]:
        """Equal for readers that encode these examples alike; only chats depend on the chat template."""
        chats = any(example.messages is not None for example in examples)
        return (*self.identity, str(self.tokenizer.chat_template) if chats else None)

    @classmethod
    def of(cls, folder: Path) -> "Reader":
        """The reader in a model folder; no weights are loaded."""
        from transformers import AutoConfig

        try:
            tokenizer = read_tokenizer(folder)
            config = AutoConfig.from_pretrained(folder, local_files_only=True)
        except Exception as error:  # the tokenizers library raises no other kind
            raise UserError(f"{folder}: not readable ({str(error).splitlines()[0]})") from error
        _check_cuts(folder, tokenizer)
        rows = getattr(config.get_text_config(), "vocab_size", None)
        return cls(folder.name, tokenizer, context_of(config, tokenizer), rows)


def _check_cuts(folder: Path, tokenizer: Any) -> None:
    """Raise UserError if the tokenizer cuts the same text in another way each time."""
    model = getattr(getattr(tokenizer, "backend_tokenizer", None), "model", None)
    if dropout := getattr(model, "dropout", None):
        raise UserError(
            f"{folder}/tokenizer.json: model.dropout: found {dropout:.2g}, with which every text is cut at random; "
            "expected null in the files of the model"
        )


def context_of(config: Any, tokenizer: Any) -> int:
    """The number of positions that the evaluation grants a model, as lm-eval reads it from the config."""
    from lm_eval.models.huggingface import HFLM
    from lm_eval.models.utils import resolve_max_length

    return int(resolve_max_length(config, tokenizer, default=HFLM._DEFAULT_MAX_LENGTH))


def limit_after(longest: int) -> int:
    """The tokens to generate for references of at most `longest` tokens: half as many again, and at least 16 more."""
    return longest + max(MARGIN, longest // 2)


@dataclass(frozen=True)
class Length:
    """Tokens of an example: of its prompt with bos, of its answer, and of the whole text with eos."""

    prompt: int
    answer: int
    whole: int

    @classmethod
    def of(cls, item: Example, tokenizer: Any) -> "Length":
        """The lengths of an example as training encodes it."""
        encoded = encode(item, tokenizer)
        start, whole = encoded.answer_start, len(encoded.input_ids)
        return cls(start, whole - start - (tokenizer.eos_token_id is not None), whole)


@dataclass(frozen=True)
class Room:
    """What every example has to fit into: the contexts of some models, with a number of tokens to generate.

    `new_tokens` is None if there has to be room for the longest reference only.
    """

    readers: Sequence[Reader]
    new_tokens: int | None

    def holds(self, items: Sequence[Example]) -> list[bool]:
        """Whether each item fits into every context, both as a text and as a prompt with the tokens to generate."""
        fit = [True] * len(items)
        for reader in self.readers:
            lengths = [Length.of(item, reader.tokenizer) for item in items]
            fit = self._into(reader.context, items, lengths, fit)
        return fit

    def rows(
        self, name: str, pool: Sequence[Example], test: Sequence[Example] | None
    ) -> tuple[list[Example], list[Example] | None, dict[str, list[str]]]:
        """The rows that fit of a user's file, and of a separate test file, and the others' ids for the origin."""
        rows = [*pool, *(test or ())]
        fit = self.holds(rows)
        left_out = [item.id for item, held in zip(rows, fit, strict=True) if not held]
        tell_left_out(name, left_out)
        kept = None if test is None else list(compress(test, fit[len(pool) :]))
        return list(compress(pool, fit[: len(pool)])), kept, {"too_long": left_out}

    def _into(
        self, context: int, items: Sequence[Example], lengths: Sequence[Length], fit: list[bool]
    ) -> list[bool]:
        def held(at: int, new: int) -> bool:
            room = lengths[at].prompt + (0 if items[at].choices else new)
            return fit[at] and max(lengths[at].whole, room) <= context

        new = self.new_tokens
        if new is None:
            fit = [held(at, 0) for at in range(len(items))]
            new = 1 + max((lengths[at].answer for at in range(len(items)) if fit[at]), default=0)
        return [held(at, new) for at in range(len(items))]


def leave_out(name: str, prepared: Prepared, settings: RealBenchmark, room: Room) -> Prepared:
    """A published benchmark without the examples that `room` does not hold; the origin names them.

    Raises UserError if a split has fewer than the number that the settings ask for, or none.
    """
    splits: dict[Split, list[Example]] = {}
    left_out: list[str] = []
    for split, items in prepared.splits.items():
        fit = room.holds(items)
        splits[split] = list(compress(items, fit))
        left_out += [item.id for item, held in zip(items, fit, strict=True) if not held]
        wanted = getattr(settings, split) or 1
        if len(splits[split]) < wanted:
            raise UserError(
                f"benchmarks.{name}: {split}: found only {len(splits[split])} examples that fit into the models' "
                f"contexts, expected {wanted}"
            )
    tell_left_out(name, left_out)
    return replace(prepared, splits=splits, origin={**prepared.origin, "too_long": left_out})


def tell_left_out(name: str, ids: Sequence[str]) -> None:
    """Say how many examples are left out."""
    LOGGER.info(
        "benchmark %s: %d examples left out, since they are too long for a model's context", name, len(ids)
    )
