"""Hidden states of whole models at chosen token positions, for the analyses that compare layers."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from semalign.models.anatomy import capture, layers_of
from semalign.runtime.errors import UserError

Tokens = Sequence[int]


def choose_positions(
    prompts: Sequence[Tokens], limit: int, seed: int = 0, *, drop_first: bool = True
) -> list[Tensor]:
    """Draw at most `limit` positions over all prompts without replacement; returns sorted positions [n] per prompt.

    `drop_first` leaves out position 0, whose states are far larger than all others in many models.
    """
    first = int(drop_first)
    owners = torch.cat([torch.full((max(len(p) - first, 0),), i) for i, p in enumerate(prompts)])
    places = torch.cat([torch.arange(first, max(len(p), first)) for p in prompts])
    kept = draw_rows(len(places), limit, seed)
    return [places[kept][owners[kept] == i] for i in range(len(prompts))]


def draw_rows(count: int, limit: int, seed: int = 0) -> Tensor:
    """Draw at most `limit` of `count` rows without replacement; returns their sorted indices."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(count, generator=generator)[:limit].sort().values


@torch.no_grad()
def layer_states(
    model: Any, prompts: Sequence[Tokens], positions: Sequence[Tensor], interface: str = "block"
) -> list[Tensor]:
    """States of every layer, shallowest first, each [positions, width] in float32 on the CPU; the head is not run."""
    layers = range(1, len(layers_of(model)) + 1)
    states_of: list[list[Tensor]] = [[] for _ in layers]
    with capture(model, layers, [interface]) as states:
        for tokens, kept in zip(prompts, positions, strict=True):
            if len(kept) == 0:
                continue
            model.base_model(input_ids=torch.tensor([list(tokens)], device=model.device), use_cache=False)
            for layer, rows in zip(layers, states_of, strict=True):
                rows.append(states[interface, layer][0][kept.to(model.device)].float().cpu())
    return [torch.cat(rows) for rows in states_of]


def same_tokens(teacher: Any, student: Any, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text, which must be the same under both tokenizers.

    Raises UserError if they differ, because states are compared position by position.
    """
    ids = [list(student(text)["input_ids"]) for text in texts]
    for text, own in zip(texts, ids, strict=True):
        if list(teacher(text)["input_ids"]) != own:
            raise UserError(
                f"teacher and student split {text[:40]!r} into different tokens; "
                "expected one tokenizer, as states are compared position by position"
            )
    return ids
