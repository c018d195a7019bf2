"""LaTen's location over all examples: which tokens locate neurons, and how many neurons a layer gives."""

import logging
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from semalign.benchmarks.base import Example
from semalign.benchmarks.chats import rendered
from semalign.benchmarks.encoding import bare_answer, encode_answer, encode_prompt
from semalign.config.signals import Location
from semalign.models.loading import load_model, load_tokenizer, read_shape
from semalign.runtime.errors import UserError
from semalign.signals.location.neurons import Counts, Located, locate, sizes_of
from semalign.training.operations import few_counted

logger = logging.getLogger("semalign")

STRIPPED = '. " )\n,]'  # characters at the end of an answer that carry no content
REPORT_SECONDS = 10.0
PARTS = ("attention_layers", "ffn_layers", "ffn", "o", "v")


def draw_final(train: Sequence[Example], seed: int) -> Example:
    """Draw the train example whose neurons the final injection uses."""
    return train[int(np.random.default_rng(seed).integers(len(train)))]


def located_tokens(example: Example, tokenizer: Any) -> list[int]:
    """Tokens of the prompt and the answer, after trailing `. " ) , ]`, blanks and newlines are removed from the answer.

    The last of these tokens is the one that LaTen scores. Raises UserError if nothing of the answer is left.
    """
    text = rendered(example, tokenizer)
    answer = encode_answer(bare_answer(text.answer, tokenizer).rstrip(STRIPPED), tokenizer)
    if not answer:
        raise UserError(
            f"example {example.id}: found no token in the answer {example.answer!r} after {STRIPPED!r} are stripped "
            "from its end, expected at least one that LaTen can locate"
        )
    return encode_prompt(text.prompt, tokenizer) + answer


def counts_at(rate: float, sizes: Counts) -> Counts:
    """floor(rate * size) of the student's neurons of each part; raises UserError if a count is zero.

    `rate` is LaTen's transfer rate, the share of a layer's neurons (arXiv 2505.14436), not a learning rate.
    """
    share = Fraction(str(rate))  # the decimal as written: in floating point, 0.29 * 100 is below 29
    counts = Counts(int(share * sizes.ffn), int(share * sizes.attention), int(share * sizes.value))
    if min(counts.ffn, counts.attention, counts.value) < 1:
        raise UserError(
            f"location.rate: found {rate}, which selects {counts.ffn} of {sizes.ffn} feed-forward neurons, "
            f"{counts.attention} of {sizes.attention} attention neurons and {counts.value} of {sizes.value} value rows "
            "of the student; expected at least one of each"
        )
    return counts


def common_depth(teacher: Path, student: Path) -> int:
    """The student's depth, which is also the number of teacher layers to locate.

    Raises UserError if the teacher is shallower.
    """
    teacher_layers = read_shape(teacher).layers
    student_layers = read_shape(student).layers
    if teacher_layers < student_layers:
        raise UserError(
            f"LaTen: found {teacher_layers} layers in {teacher.name}, expected a teacher at least as deep as the "
            f"student {student.name} with {student_layers}"
        )
    return student_layers


def locate_all(
    folder: Path, examples: Sequence[Example], depth: int, settings: Location, counts: Counts | None
) -> tuple[list[Located], Counts]:
    """Locate every example in one model; if `counts` is None, it is derived from this model's size."""
    tokenizer = load_tokenizer(folder)
    model = load_model(folder)
    sizes = sizes_of(model)
    if counts is None:
        counts = counts_at(settings.rate, sizes)
    _check_width(folder.name, sizes, counts)
    tokens = [located_tokens(example, tokenizer) for example in examples]
    located: list[Located] = []
    reported = time.monotonic()
    with few_counted() as counted:
        for number, line in enumerate(tokens, start=1):
            with counted(number - 1, [1.0, len(line), len(line) ** 2]):
                located.append(locate(model, line, depth, counts, as_released=settings.as_released))
            if time.monotonic() - reported > REPORT_SECONDS:
                reported = time.monotonic()
                logger.info("location: %s: %d of %d examples", folder.name, number, len(tokens))
    return located, counts


def _check_width(name: str, sizes: Counts, counts: Counts) -> None:
    for part in ("ffn", "attention", "value"):
        needed = getattr(counts, part)
        available = getattr(sizes, part)
        if available < needed:
            raise UserError(
                f"LaTen: found {available} {part} neurons per layer in {name}, expected at least the {needed} that "
                "location.rate selects in the student (try a lower location.rate)"
            )


def tensors_of(located: dict[str, list[Located]]) -> dict[str, torch.Tensor]:
    """Stack the located indices into int32 tensors [examples, ...] named `<model>.<part>`."""
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
