"""Log-likelihoods of continuations of prompts, with nothing computed twice.

A text that is a prefix of another one is not read separately: the choices of a prompt, or the steps of a solution, are
read off the longest of them. Logits are computed only at the positions that predict a continuation.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from semalign.evaluation.states import logits_of, states_at

POSITIONS_AT_ONCE = 256  # positions whose logits are in memory at once


class Pair(NamedTuple):
    """Tokens of a prompt and of its continuation; neither is empty."""

    prompt: list[int]
    continuation: list[int]

    @property
    def read(self) -> list[int]:
        """The tokens that the model reads; the last token is only predicted."""
        return [*self.prompt, *self.continuation[:-1]]

    @property
    def positions(self) -> slice:
        """The positions at which the tokens of the continuation are predicted."""
        return slice(len(self.prompt) - 1, len(self.prompt) + len(self.continuation) - 1)


class Text(NamedTuple):
    """Tokens that are read once, and the indices of all pairs that are prefixes of them."""

    tokens: list[int]
    pairs: list[int]


def log_likelihoods(
    model: Any, pairs: Sequence[Pair], batch_size: int, pad_id: int
) -> list[tuple[float, bool]]:
    """Return for every continuation its log-likelihood in nats, and whether each of its tokens is the likeliest one.

    Texts are read in batches of similar length, the longest first. Results depend on the batches by rounding only.
    """
    texts = sorted(shared_texts(pairs), key=lambda text: -len(text.tokens))
    likelihoods: dict[int, tuple[float, bool]] = {}
    for start in range(0, len(texts), batch_size):
        likelihoods |= _read(model, texts[start : start + batch_size], pairs, pad_id)
    return [likelihoods[index] for index in range(len(pairs))]


def shared_texts(pairs: Sequence[Pair]) -> list[Text]:
    """The texts that have to be read for all pairs: none of them is a prefix of another one."""
    read = [pair.read for pair in pairs]
    texts: list[Text] = []
    # in descending order a text directly follows one that it is a prefix of, if there is any
    for index in sorted(range(len(read)), key=read.__getitem__, reverse=True):
        tokens = read[index]
        if texts and texts[-1].tokens[: len(tokens)] == tokens:
            texts[-1].pairs.append(index)
        else:
            texts.append(Text(tokens, [index]))
    return texts


def _read(
    model: Any, texts: Sequence[Text], pairs: Sequence[Pair], pad_id: int
) -> dict[int, tuple[float, bool]]:
    """The results of all pairs of one batch of texts, by the pair's index."""
    ids = torch.full((len(texts), max(len(text.tokens) for text in texts)), pad_id)
    mask = torch.zeros_like(ids)
    wanted = torch.zeros_like(ids, dtype=torch.bool)
    for row, text in enumerate(texts):
        ids[row, : len(text.tokens)] = torch.tensor(text.tokens)
        mask[row, : len(text.tokens)] = 1
        for index in text.pairs:
            wanted[row, pairs[index].positions] = True
    states = states_at(model, ids.to(model.device), mask.to(model.device), wanted)
    place = wanted.flatten().cumsum(0).view_as(wanted) - 1  # row of a position in `states`
    asked = [(row, index) for row, text in enumerate(texts) for index in text.pairs]
    places = torch.cat([place[row, pairs[index].positions] for row, index in asked])
    tokens = torch.tensor([token for _, index in asked for token in pairs[index].continuation])
    logs, likeliest = _token_figures(model, states, places, tokens)
    lengths = [len(pairs[index].continuation) for _, index in asked]
    parts = zip(asked, logs.split(lengths), likeliest.split(lengths), strict=True)
    return {index: (float(log.sum()), bool(best.all())) for (_, index), log, best in parts}


def _token_figures(
    model: Any, states: torch.Tensor, places: torch.Tensor, tokens: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities [n] (float64) of `tokens` [n] at `states[places]`, and whether each is the likeliest, [n]."""
    logs = torch.zeros(len(tokens), dtype=torch.float64)
    likeliest = torch.zeros(len(tokens), dtype=torch.bool)
    for start in range(0, len(states), POSITIONS_AT_ONCE):
        inside = (places >= start) & (places < start + POSITIONS_AT_ONCE)
        rows = places[inside] - start
        logits = logits_of(model, states[start : start + POSITIONS_AT_ONCE]).float()
        values = logits.log_softmax(-1)[rows.to(logits.device), tokens[inside].to(logits.device)]
        logs[inside] = values.double().cpu()
        likeliest[inside] = logits.argmax(-1).cpu()[rows] == tokens[inside]
    return logs, likeliest
