"""Sampling whose draws belong to a prompt and a sample, not to a position in a batch.

Each row has its own random numbers, one per step, derived from a key that names the row. So a score does not depend on
the batch size, the order of the prompts or the device, beyond float noise in the model's logits.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch
from transformers import LogitsProcessor

WIDTH = 256  # likeliest tokens to look at: they nearly always hold the nucleus, so the vocabulary need not be sorted


class KeyedPrompt(str):
    """A prompt that carries the key of its draws while lm-eval sorts and batches it."""

    key: str


def keyed(requests: Sequence[Any], seed: int) -> list[Any]:
    """Add a key to each generation request: the seed, the item, and how often the item was requested before."""
    asked: Counter[str] = Counter()
    copies = []
    for request in requests:
        text, *rest = request.args
        name = str((request.doc or {}).get("id", text))
        prompt = KeyedPrompt(text)
        prompt.key = f"{seed} {name} {asked[name]}"
        asked[name] += 1
        copies.append(SimpleNamespace(args=(prompt, *rest)))
    return copies


class Draws(LogitsProcessor):
    """Turns greedy search into sampling: only the drawn token of each row remains possible."""

    def __init__(
        self, keys: Sequence[str], prompt_length: int, steps: int, temperature: float, top_p: float
    ) -> None:
        self.uniform = torch.stack([uniform(key, steps) for key in keys])
        self.prompt_length = prompt_length
        self.temperature = temperature
        self.top_p = top_p

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Logits [rows, vocabulary] in which the drawn token has all the mass."""
        step = input_ids.shape[1] - self.prompt_length
        drawn = draw(scores, self.uniform[:, step].to(scores.device), self.temperature, self.top_p)
        return torch.full_like(scores, -torch.inf).scatter(1, drawn[:, None], 0.0)


def uniform(key: str, steps: int) -> torch.Tensor:
    """Random numbers [steps] in [0, 1) that depend on `key` alone."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:7])
    return torch.rand(steps, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def draw(logits: torch.Tensor, uniform: torch.Tensor, temperature: float, top_p: float) -> torch.Tensor:
    """Draw one token per row from logits [rows, vocabulary], by inverting the nucleus's distribution function.

    The nucleus is the smallest set of likeliest tokens whose probabilities at `temperature` sum to at least `top_p`;
    tokens of equal probability are ordered by id. `uniform` [rows] in [0, 1) selects the token in the nucleus.
    """
    values, ids = _likeliest((logits.double() / temperature).softmax(dim=-1), top_p)
    reached = values.cumsum(dim=-1)
    # a token is outside the nucleus if the tokens before it already reach `top_p`
    mass = values.masked_fill(reached - values >= top_p, 0)
    reached = mass.cumsum(dim=-1)
    place = (reached <= uniform[:, None] * reached[:, -1:]).sum(dim=-1, keepdim=True)
    last = (mass > 0).sum(dim=-1, keepdim=True) - 1
    return ids.gather(1, place.minimum(last))[:, 0]


def _likeliest(probabilities: torch.Tensor, top_p: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities in descending order and their ids, at least as many as the nucleus of every row needs."""
    values, ids = probabilities.topk(min(WIDTH, probabilities.shape[1]))
    if bool((values.sum(dim=-1) < top_p).any()):
        values, ids = probabilities.sort(dim=-1, descending=True, stable=True)
    # `topk` orders equal probabilities arbitrarily: sort by id first, then stably by probability
    ids, order = ids.sort(dim=-1)
    values, again = values.gather(1, order).sort(dim=-1, descending=True, stable=True)
    return values, ids.gather(1, again)
