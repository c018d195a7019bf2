"""The free-text items that changed most between the untouched student and a trained method: texts for people to read.

No model judges them. An item changed if its lenient match did, or, where that is the same, if the likelihood of its
reference did; what changed in the match comes first, and then the larger change of the log-likelihood.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from semalign.statistics.tables.cells import Cell, Group
from semalign.statistics.tables.compare import Results
from semalign.statistics.tables.free_text import has_likelihoods, measure_of, texts_of
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.rows import Row, main_keys

SHOWN = 10  # items gained, and items lost
LONGEST = 300  # characters of a text that are shown
SIDES = (("gained", 1.0), ("lost", -1.0))


def change_rows(results: Results, order: Order) -> list[Row]:
    """At most 10 gained and 10 lost items of each trained cell (default variant, every seed), most changed first.

    `nats` is the change of the reference's log-likelihood, `student_match` and `adapter_match` are lenient matches. Of
    longer texts, the last 300 characters of a prompt and the first 300 of the others are given.
    """
    rows: list[Row] = []
    for key in main_keys(results, order):
        student = results.groups.get(key._replace(method=order.student))
        group = results.groups[key]
        if key.method in order.references or not student or not _comparable(student, group):
            continue
        for cell in group.cells:
            rows += _changes(student.cells[0], cell)
    return rows


def _comparable(*groups: Group) -> bool:
    return all(has_likelihoods(group.cells[0]) for group in groups)


def _changes(student: Cell, adapter: Cell) -> Iterator[Row]:
    """The rows of one cell. Items are those of the student's cell, in the same order."""
    match = measure_of(adapter, "lenient") - measure_of(student, "lenient")
    nats = measure_of(adapter, "nats") - measure_of(student, "nats")
    for change, sign in SIDES:
        for rank, at in enumerate(_most(sign * match, sign * nats), start=1):
            yield {
                **adapter.key._asdict(),
                **{"seed": adapter.seed, "change": change, "rank": rank, "id": adapter.ids[at]},
                **_pair_of(student, adapter, at),
                "nats": float(nats[at]),
            }


def _most(match: np.ndarray, nats: np.ndarray) -> Sequence[int]:
    """Indices of the items with the largest gain, at most SHOWN."""
    gained = np.flatnonzero((match > 0) | ((match == 0) & (nats > 0)))
    order = sorted(gained.tolist(), key=lambda at: (-match[at], -nats[at], at))
    return order[:SHOWN]


def _pair_of(student: Cell, adapter: Cell, at: int) -> Row:
    before, after = texts_of(student)[at], texts_of(adapter)[at]
    return {
        "prompt": cut(after.prompt, end=True),
        "reference": cut(after.reference),
        "student_text": cut(before.response),
        "adapter_text": cut(after.response),
        "student_match": round(before.lenient),
        "adapter_match": round(after.lenient),
    }


def cut(text: str, end: bool = False) -> str:
    """The beginning of a text (or its `end`) in at most LONGEST characters, with `…` for what was cut off.

    Control characters other than line breaks and tabs are shown as U+FFFD: a table can't hold them.
    """
    lines = text.strip().replace("\r\n", "\n").replace("\r", "\n")
    shown = "".join(
        letter if letter.isprintable() or letter in "\n\t " else _visible(letter) for letter in lines
    )
    if len(shown) <= LONGEST:
        return shown
    return "…" + shown[1 - LONGEST :] if end else shown[: LONGEST - 1] + "…"


def _visible(letter: str) -> str:
    return letter if ord(letter) > 0x9F else "\ufffd"
