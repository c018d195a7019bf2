"""Likelihood of the reference answer: a score that differs between models long before any of them answers correctly.

The score is the geometric mean of the probabilities of the answer's characters, in percent like every score: 100 means
certain, higher is better, and models with different tokenizers can be compared. With b bits per character it is
100 * 2^-b, so the bits can be computed from the score.
"""

import math
from collections.abc import Sequence
from typing import Any

METRIC = "character_likelihood"


def character_likelihood(item: dict[str, Any], results: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """exp(log P(answer | prompt) / characters) of the reference answer, 0 to 1; its separator counts as a character."""
    [(log_likelihood, _greedy)] = results
    return {METRIC: math.exp(log_likelihood / len(item["answer"]))}


def bits(score: float) -> float:
    """Bits per character of an item's score (0 to 1): -log2(score); infinite if the score is 0."""
    return -math.log2(score) if score > 0 else math.inf


def further_figures(metric: str, scores: Sequence[float]) -> dict[str, float]:
    """Bits per character, mean over items and its standard error, if the metric is the likelihood; else empty."""
    return mean_bits([bits(score) for score in scores]) if metric == METRIC else {}


def bits_per_character(nats: float, characters: int) -> float:
    """Bits per character of a text with this log-likelihood."""
    return -nats / math.log(2) / characters


def mean_bits(values: Sequence[float]) -> dict[str, float]:
    """The mean of the items' bits per character, and its standard error."""
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / max(len(values) - 1, 1)
    return {"bits_per_character": mean, "bits_per_character_stderr": math.sqrt(variance / len(values))}


def response_text(results: Sequence[tuple[float, bool]]) -> str:
    """The response in an item's record: each log-likelihood, and whether the continuation is the greedy one."""
    return "; ".join(f"{value:.3f} nats{', greedy' if greedy else ''}" for value, greedy in results)
