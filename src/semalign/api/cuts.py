"""How answers are cut into tokens: positions of states and targets must mean the same text in both models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from semalign.benchmarks.base import Example
from semalign.benchmarks.encoding import Encoded
from semalign.evaluation.readiness.cuts import answers_of, pieces_of, readable
from semalign.runtime.errors import UserError

Cuts = tuple[tuple[str, ...], ...]
"""Per example, the text of each supervised token, without the tokens that end an answer."""


def cuts_of(examples: Sequence[Example], encoded: Sequence[Encoded], tokenizer: Any) -> Cuts:
    """The cuts of examples by a tokenizer."""
    return tuple(
        tuple(_texts(item, tokens, tokenizer)) for item, tokens in zip(examples, encoded, strict=True)
    )


def check_same(found: Cuts, expected: Cuts, names: tuple[str, str]) -> None:
    """Raise UserError unless two models, or two lists of examples, have the same supervised tokens; `names` them."""
    if len(found) != len(expected):
        raise UserError(
            f"examples: found {len(found)} of {names[0]} and {len(expected)} of {names[1]}, expected as many"
        )
    for number, (one, other) in enumerate(zip(found, expected, strict=True), 1):
        if one != other:
            raise UserError(
                f"examples: row {number}: found the answer tokens {_shown(one)} of {names[0]} and {_shown(other)} of "
                f"{names[1]}, expected the same, since positions are compared one by one"
            )


def _texts(item: Example, encoded: Encoded, tokenizer: Any) -> Iterator[str]:
    for ids, _ in answers_of(encoded, tokenizer, item.messages is not None):
        # tokens of parts of a character have no text of their own
        yield from pieces_of(ids, tokenizer) or [readable(token, tokenizer) for token in ids]


def _shown(cut: tuple[str, ...]) -> str:
    text = "|".join(cut)
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
