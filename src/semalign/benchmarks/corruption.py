"""Wrong answers for a share of the examples of a train split.

A choice question gets another one of its own choices, drawn evenly: a wrong answer then looks like a right one. The
other questions exchange their answers among themselves, so that the answers as a whole stay what they were. Two answers
are the same if their targets are, or for lack of a target their texts; two different programs may do the same.
"""

import random
from collections.abc import Sequence

from semalign.benchmarks.base import Example
from semalign.benchmarks.chats import with_answer
from semalign.benchmarks.overlap import normalise
from semalign.config.benchmarks import Corrupted
from semalign.runtime.errors import UserError


def corrupt(name: str, settings: Corrupted, part: str, items: Sequence[Example]) -> list[Example]:
    """Return the examples in their order, of which round(corrupted * n) have a wrong answer.

    The examples with a wrong answer under a smaller share are among those under a larger one of the same seed. `name`
    is the benchmark's; each `part` of a mixture has its own draw. Raises UserError if the share is no whole example, or
    if more than half of the drawn examples without choices have the same answer.
    """
    count = round(settings.corrupted * len(items))
    key = f"benchmarks.{name}.corrupted: found {settings.corrupted:g} of the {len(items)} examples of {part}"
    if not count:
        raise UserError(f"{key}, which is none; expected a larger share")
    order = list(range(len(items)))
    random.Random(f"{part} corrupted {settings.seed}").shuffle(order)
    drawn = [items[at] for at in sorted(order[:count])]
    exchanging = [item for item in drawn if not item.choices]
    wrong = {item.id: _another_choice(item, settings.seed) for item in drawn if item.choices}
    wrong |= _exchanged(exchanging, random.Random(f"{part} exchanged {settings.seed}"), key)
    return [with_answer(item, wrong[item.id]) if item.id in wrong else item for item in items]


def _another_choice(item: Example, seed: int) -> str:
    """One of the wrong choices. It depends on the item and the seed alone."""
    wrong = [choice for at, choice in enumerate(item.choices or ()) if at != item.gold]
    return random.Random(f"{item.id} choice {seed}").choice(wrong)


def _exchanged(items: Sequence[Example], draw: random.Random, key: str) -> dict[str, str]:
    """Id -> the answer of another example that differs from its own; each answer is used once.

    Examples with the same answer are put next to each other, in an otherwise random order. Moving every answer on by
    the size of the largest such group then leaves none within its group.
    """
    groups: dict[str, list[Example]] = {}
    for item in items:
        groups.setdefault(normalise(item.target or item.answer), []).append(item)
    mixed = list(groups.values())
    draw.shuffle(mixed)
    for group in mixed:
        draw.shuffle(group)
    row = [item for group in mixed for item in group]
    step = max(map(len, mixed), default=0)
    if 2 * step > len(row):
        answer = max(mixed, key=len)[0].answer.strip()
        raise UserError(
            f"{key}, which is {len(row)}, {step} of them with the answer {answer[:40]!r}; expected at most half with "
            "the same answer, since they exchange their answers (give the rows `choices`, or raise the share)"
        )
    return {item.id: _in_place(item, row[(at + step) % len(row)]) for at, item in enumerate(row)}


def _in_place(item: Example, other: Example) -> str:
    """The answer of another example after the white space that separates this one's prompt and answer."""
    own = item.answer
    return own[: len(own) - len(own.lstrip())] + other.answer.lstrip()
