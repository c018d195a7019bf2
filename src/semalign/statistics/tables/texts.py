"""Free text in the items of a cell: what was written, and how far that is from the reference."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from semalign.evaluation.likelihood import bits_per_character
from semalign.runtime.errors import UserError

SHARES = ("lenient", "token_f1")
WORDS = ("prompt", "expected", "response")


class Text(NamedTuple):
    """One item of free text.

    `lenient` is 0 or 1, `token_f1` between them (`semalign.evaluation.free_text`). `nats` is the log-likelihood of the
    reference, `bits` its bits per character; both are NaN if the item has no likelihood.
    """

    prompt: str
    reference: str
    response: str
    lenient: float
    token_f1: float
    nats: float
    bits: float


def text_of(where: str, row: Mapping[str, Any]) -> Text | None:
    """The free text of an item's record; None if it is none. Raises UserError if a measure is out of range."""
    if row.get("lenient") is None:
        return None
    for name in SHARES:
        if not _is_number(row.get(name)) or not 0 <= row[name] <= 1:
            raise UserError(f"{where}: {name} is {row.get(name)!r}, expected 0 to 1")
    nats, bits = _likelihood(where, row.get("reference_nats"), row.get("reference_characters"))
    prompt, expected, response = (str(row.get(name) or "") for name in WORDS)
    reference = str(row.get("reference") or expected)
    lenient, f1 = (float(row[name]) for name in SHARES)
    return Text(prompt, reference, response, lenient, f1, nats, bits)


def _likelihood(where: str, nats: Any, characters: Any) -> tuple[float, float]:
    """The log-likelihood in nats and the bits per character; NaN if the item has no likelihood."""
    if nats is None:
        return math.nan, math.nan
    if not _is_number(nats) or not isinstance(characters, int) or characters < 1:
        raise UserError(
            f"{where}: found {nats!r} nats in {characters!r} characters, expected a number and a count"
        )
    return float(nats), bits_per_character(float(nats), characters)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
