"""The LM heads of models in any of the forms that a user can give, and the tokens that two of them share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from semalign.api.inputs import Loaded, Model, loaded, plain
from semalign.models.loading import Head
from semalign.models.trained_head import Untrained, head_of, leave_out, token_ids
from semalign.models.vocabulary import MINIMUM_SHARE, enough_shared
from semalign.runtime.errors import UserError
from semalign.signals.semantics.maps import trained_tokens


def any_head(given: Any, untrained: Untrained = "leave-out") -> Head:
    """The head of whatever a user gave, on the CPU; rows that were never trained are left out of a model's head."""
    if isinstance(given, Head):
        return given
    if isinstance(given, Tensor):
        if given.ndim != 2:
            raise UserError(f"head: found {list(given.shape)}, expected an LM head [vocabulary, width]")
        return Head(given, given, torch.ones(given.shape[1]))
    speaker = loaded(given) if isinstance(given, str | Path | tuple) else Loaded(plain(given), None)
    head = _on_cpu(head_of(speaker.model))
    if untrained == "keep":
        return head
    return leave_out(head, token_ids(speaker.tokenizer) if speaker.tokenizer else None)


def _on_cpu(head: Head) -> Head:
    weight = head.weight.cpu()
    tied = head.input_embedding is head.weight
    return replace(
        head,
        weight=weight,
        input_embedding=weight if tied else head.input_embedding.cpu(),
        norm_gain=head.norm_gain.cpu(),
    )


def shared_by(
    tokenizers: tuple[Any, Any], heads: tuple[Head, Head], map: str = "pinv", minimum: float = MINIMUM_SHARE
) -> tuple[Tensor, Tensor]:
    """`shared_tokens` of two models with these tokenizers and heads."""
    rows = len(heads[0].weight), len(heads[1].weight)
    return trained_tokens(map, *heads, enough_shared("teacher -> student", *tokenizers, rows, minimum))


def heads_and_tokens(
    teacher: Model, student: Model, map: str, untrained: Untrained, minimum: float
) -> tuple[tuple[Head, Head], tuple[Tensor, Tensor]]:
    """Both heads, and the ids of the tokens that they share; one model of a folder is in memory at a time."""
    sides = []
    for given in (teacher, student):
        speaker = loaded(given)
        sides.append((any_head(speaker, untrained), speaker.tokenizer))
    (first, of_first), (second, of_second) = sides
    return (first, second), shared_by((of_first, of_second), (first, second), map, minimum)
