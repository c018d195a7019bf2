"""Whether prompts, answers and the tokens to generate fit into the contexts of the models that read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from semalign.benchmarks.base import Example
from semalign.benchmarks.encoding import Encoded
from semalign.benchmarks.fitting import Reader
from semalign.evaluation.readiness.speaker import Need, Said


@dataclass(frozen=True)
class TooLong:
    """The examples of a split that a model's context does not hold, and the first of them."""

    first: str
    count: int
    prompt: int
    positions: int


def texts_too_long(examples: Sequence[Example], encoded: Sequence[Encoded], reader: Reader) -> TooLong | None:
    """The examples whose prompt and answer are longer than the context."""
    found = [
        (example.id, item)
        for example, item in zip(examples, encoded, strict=True)
        if len(item.input_ids) > reader.context
    ]
    if not found:
        return None
    first, item = found[0]
    return TooLong(first, len(found), item.answer_start, len(item.input_ids))


def requests_too_long(needs: Mapping[str, Need], reader: Reader) -> TooLong | None:
    """The items that the evaluation can't ask for: the prompt with the tokens to generate is too long."""
    found = [(item, need) for item, need in needs.items() if need.positions > reader.context]
    if not found:
        return None
    first, need = found[0]
    return TooLong(first, len(found), need.prompt, need.positions)


def room_of(needs: Mapping[str, Need], said: Mapping[str, Said], reader: Reader) -> int | None:
    """The largest number of new tokens that fits after every prompt, or None if a reference would not fit into it."""
    room = reader.context - max(need.prompt for need in needs.values())
    longest = max((each.tokens for each in said.values()), default=0)
    return room if room > longest else None
