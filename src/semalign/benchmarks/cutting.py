"""Rows of a user's files with prompts that are cut until all models can hold them: lengths, and what is recorded."""

import logging
from collections.abc import Sequence
from typing import Any

from semalign.benchmarks.base import Example
from semalign.benchmarks.fitting import Length, Reader, Room, tell_left_out
from semalign.benchmarks.shortening import Excess, shorten

LOGGER = logging.getLogger(__name__)


def cut_left(
    room: Room, name: str, pool: Sequence[Example], test: Sequence[Example] | None
) -> tuple[list[Example], list[Example] | None, dict[str, Any]]:
    """The rows of a file, and of a separate test file, with prompts that fit.

    For the origin: the ids of rows that have no room even with the shortest prompt and are left out, and id -> tokens
    that a prompt has lost.
    """
    rows = [*pool, *(test or ())]
    kept = _shortened(room, rows)
    cut = {
        item.id: _lost(room, item, short)
        for item, short in zip(rows, kept, strict=True)
        if short is not None and short is not item
    }
    left_out = [item.id for item, short in zip(rows, kept, strict=True) if short is None]
    LOGGER.info("benchmark %s: %d prompts cut on the left, to fit into the models' contexts", name, len(cut))
    tell_left_out(name, left_out)
    fit = [item for item in kept[: len(pool)] if item]
    tested = None if test is None else [item for item in kept[len(pool) :] if item]
    return fit, tested, {"too_long": left_out, "cut_left": cut}


def _shortened(room: Room, rows: Sequence[Example]) -> list[Example | None]:
    """Each row as it fits beside the tokens to generate: their limit, or as many as the longest answer that fits."""
    alone = [shorten(item, _excess(room, [0] * len(room.readers))) for item in rows]
    fit = [item for item in alone if item]
    excess = _excess(room, [_new_tokens(room, reader, fit) for reader in room.readers])
    return [shorten(item, excess) if held else None for item, held in zip(rows, alone, strict=True)]


def _new_tokens(room: Room, reader: Reader, items: Sequence[Example]) -> int:
    if room.new_tokens is not None:
        return room.new_tokens
    return 1 + max((Length.of(item, reader.tokenizer).answer for item in items), default=0)


def _excess(room: Room, new: Sequence[int]) -> Excess:
    """A function that says how many tokens an example has too many, for the model that it has the most for."""

    def excess(item: Example) -> tuple[int, Any]:
        found = []
        for reader, more in zip(room.readers, new, strict=True):
            length = Length.of(item, reader.tokenizer)
            needed = max(length.whole, length.prompt + (0 if item.choices else more))
            found.append((needed - reader.context, reader.tokenizer))
        return max(found, key=lambda each: each[0])

    return excess


def _lost(room: Room, item: Example, short: Example) -> int:
    """The tokens that a prompt has lost, for the model that has lost the most."""
    lengths = [
        [Length.of(each, reader.tokenizer).prompt for each in (item, short)] for reader in room.readers
    ]
    return max(before - after for before, after in lengths)
