"""An LM head without the rows that were never trained, from a folder or a loaded model, and how many were left out."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch

from semalign.models.anatomy import facts_of
from semalign.models.loaded import shares_matrix
from semalign.models.loading import Head, load_tokenizer, read_head
from semalign.models.untrained import MOST, Trained, find_trained

logger = logging.getLogger("semalign")
Untrained = Literal["leave-out", "keep"]


def read_trained_head(folder: Path, untrained: Untrained) -> Head:
    """Read the head of the model in `folder`; its untrained rows are left out, unless `untrained` is `keep`."""
    head = read_head(folder)
    return head if untrained == "keep" else leave_out(head, token_ids(load_tokenizer(folder)), folder.name)


def head_of(model: Any) -> Head:
    """The head of a loaded model, sharing its weights: what `read_head` reads from the model's folder."""
    facts = facts_of(model)
    weight, embedding = (
        part.weight.detach() for part in (model.get_output_embeddings(), model.get_input_embeddings())
    )
    gain = model.get_submodule(facts.final_norm).weight.detach().float() + facts.gain_offset
    tied = shares_matrix(model)
    softcap = getattr(model.config, "final_logit_softcapping", None)
    return Head(weight, weight if tied else embedding, gain, softcap)


def token_ids(tokenizer: Any) -> torch.Tensor:
    """The ids of a tokenizer's tokens, [tokens], ascending."""
    return torch.tensor(sorted(tokenizer.get_vocab().values()))


def leave_out(head: Head, tokens: torch.Tensor | None = None, name: str = "model") -> Head:
    """The head with `rows` and `input_rows` set to its trained rows, each judged by its own matrix.

    `tokens` are the ids of the tokenizer (None: all rows), `name` the model's name in messages.
    """
    of_head = find_trained(head.weight, tokens)
    tied = head.input_embedding is head.weight
    of_embedding = of_head if tied else find_trained(head.input_embedding, tokens)
    _report(f"{name}: {'tied ' if tied else ''}LM head", of_head)
    if not tied:
        _report(f"{name}: embedding", of_embedding)
    return replace(head, rows=of_head.rows, input_rows=of_embedding.rows)


def count_rows(head: Head, part: Literal["head", "embedding"] = "head") -> tuple[int, int]:
    """(rows of a part that are used, rows that are left out because they were never trained)."""
    weight, rows = (head.weight, head.rows) if part == "head" else (head.input_embedding, head.input_rows)
    used = len(weight) if rows is None else len(rows)
    return used, len(weight) - used


def trained_rows(head: Head) -> tuple[torch.Tensor, torch.Tensor]:
    """The ids of the LM head's trained rows, and these rows [trained, width]; the head itself if all are trained."""
    if head.rows is None:
        return torch.arange(len(head.weight)), head.weight
    return head.rows, head.weight[head.rows.to(head.weight.device)]


def describe_rows(head: Head) -> dict[str, Any]:
    """The numbers of rows that are used and left out, of the head and of the embedding."""
    parts: tuple[Literal["head", "embedding"], ...] = ("head", "embedding")
    return {part: dict(zip(("used", "left_out"), count_rows(head, part), strict=True)) for part in parts}


def _report(matrix: str, found: Trained) -> None:
    kinds = f"{found.empty} empty, {found.alike} alike"
    if found.undecided:
        logger.warning(
            "%s: %s of %d rows look untrained (more than %.0f %%), so that they are kept",
            *(matrix, kinds, found.total, 100 * MOST),
        )
    if found.left_out:
        kinds = f"{found.without_token} without a token" + ("" if found.undecided else f", {kinds}")
        logger.info(
            "%s: %d of %d rows were never trained and are left out (%s)",
            *(matrix, found.left_out, found.total, kinds),
        )
