"""Which tokens of an example locate neurons, how many neurons a rate takes, and location over all examples."""

import logging
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from semalign.benchmarks.base import Example
from semalign.benchmarks.encoding import encode_answer, encode_prompt
from semalign.config.signals import Location
from semalign.models.loading import load_model, load_tokenizer, read_shape
from semalign.runtime.errors import UserError
from semalign.signals.location.neurons import Counts, Located, locate, sizes_of

logger = logging.getLogger("semalign")

STRIPPED = '. " )\n,]'  # what an answer may end with that does not carry it
REPORT_SECONDS = 10.0
PARTS = ("attention_layers", "ffn_layers", "ffn", "o", "v")


def draw_final(train: Sequence[Example], seed: int) -> Example:
    """The train example that locates for the injection."""
    return train[int(np.random.default_rng(seed).integers(len(train)))]


def located_tokens(example: Example, tokenizer: Any) -> list[int]:
    """Tokens up to the one that carries the answer: its last behind which only `. " ) , ]` and blanks stand.

    Raises UserError when the answer has nothing else.
    """
    answer = encode_answer(example.answer.rstrip(STRIPPED), tokenizer)
    if not answer:
        raise UserError(
            f"example {example.id}: the answer {example.answer!r} has no token left once its end is stripped of "
            f"{STRIPPED!r}; expected one that LaTen can locate"
        )
    return encode_prompt(example.prompt, tokenizer) + answer


def counts_at(rate: float, sizes: Counts) -> Counts:
    """floor(rate * size) of the student's neurons; raises UserError where that is none."""
    share = Fraction(str(rate))  # as written: 0.29 * 100 is 29
    counts = Counts(int(share * sizes.ffn), int(share * sizes.attention), int(share * sizes.value))
    if min(counts.ffn, counts.attention, counts.value) < 1:
        raise UserError(
            f"location.rate: {rate} takes {counts.ffn} of {sizes.ffn} feed-forward neurons, {counts.attention} of "
            f"{sizes.attention} attention neurons and {counts.value} of {sizes.value} value rows of the student; "
            "expected at least one of each"
        )
    return counts


def common_depth(teacher: Path, student: Path) -> int:
    """The student's depth: so many of the teacher's layers are located too.

    Raises UserError if the teacher is shallower.
    """
    above = read_shape(teacher).layers
    below = read_shape(student).layers
    if above < below:
        raise UserError(
            f"LaTen: {teacher.name} has {above} layers, fewer than the {below} of {student.name}; "
            "expected a teacher at least as deep as the student"
        )
    return below


def locate_all(
    folder: Path, examples: Sequence[Example], depth: int, settings: Location, counts: Counts | None
) -> tuple[list[Located], Counts]:
    """Locate every example in one model; without `counts`, they follow from this model's size."""
    tokenizer = load_tokenizer(folder)
    model = load_model(folder)
    sizes = sizes_of(model)
    if counts is None:
        counts = counts_at(settings.rate, sizes)
    _check_width(folder.name, sizes, counts)
    tokens = [located_tokens(example, tokenizer) for example in examples]
    located: list[Located] = []
    reported = time.monotonic()
    for number, line in enumerate(tokens, start=1):
        located.append(locate(model, line, depth, counts, as_released=settings.as_released))
        if time.monotonic() - reported > REPORT_SECONDS:
            reported = time.monotonic()
            logger.info("location: %s: %d of %d examples", folder.name, number, len(tokens))
    return located, counts


def _check_width(name: str, sizes: Counts, counts: Counts) -> None:
    for part in ("ffn", "attention", "value"):
        wanted = getattr(counts, part)
        has = getattr(sizes, part)
        if has < wanted:
            raise UserError(
                f"LaTen: {name} has {has} {part} neurons a layer, fewer than the {wanted} that location.rate takes "
                "of the student; expected as many (lower the rate)"
            )


def tensors_of(located: dict[str, list[Located]]) -> dict[str, torch.Tensor]:
    """`<model>.<part>` -> int32 [examples, ...]."""
    return {
        f"{model}.{part}": torch.stack([getattr(row, part) for row in rows]).int()
        for model, rows in located.items()
        for part in PARTS
    }


def describe(located: dict[str, list[Located]], examples: Sequence[Example]) -> dict[str, Any]:
    """The content of location.json: the scores of all layers, by model and example."""
    scores = {
        model: [{"attention": row.attention_scores, "ffn": row.ffn_scores} for row in rows]
        for model, rows in located.items()
    }
    return {
        "teacher_passes": len(examples),
        "examples": [example.id for example in examples],
        "layer_scores": scores,
    }
