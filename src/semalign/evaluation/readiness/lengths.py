"""Examples that the contexts of the models that read them do not hold."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from semalign.benchmarks.base import Example
from semalign.benchmarks.encoding import Encoded
from semalign.benchmarks.fitting import Reader
from semalign.evaluation.readiness.speaker import Need, Said


@dataclass(frozen=True)
class TooLong:
    """An example that a context does not hold: tokens of its prompt, and positions that are needed."""

    split: str
    example: str
    prompt: int
    positions: int


def texts_too_long(
    split: str, examples: Sequence[Example], encoded: Sequence[Encoded], context: int
) -> list[TooLong]:
    """The examples whose prompt and answer are longer than the context."""
    return [
        TooLong(split, example.id, item.answer_start, len(item.input_ids))
        for example, item in zip(examples, encoded, strict=True)
        if len(item.input_ids) > context
    ]


def requests_too_long(
    split: str, needs: Mapping[str, Need], context: int, known: Collection[str] = ()
) -> list[TooLong]:
    """The items that leave too little room for the tokens to generate, except `known` ones."""
    return [
        TooLong(split, item, need.prompt, need.positions)
        for item, need in needs.items()
        if need.positions > context and item not in known
    ]


def room_of(needs: Mapping[str, Need], said: Mapping[str, Said], reader: Reader) -> int | None:
    """The largest number of new tokens that fits after every prompt, or None if a reference would not fit into it."""
    room = reader.context - max(need.prompt for need in needs.values())
    longest = max((each.tokens for each in said.values()), default=0)
    return room if room > longest else None
