"""How likely a model finds the reference answer: a figure that tells models apart long before either is right.

The score is the geometric mean of the probability of the answer's characters, in percent as every score: 100 means
certain, higher is better, and models with other tokenizers compare. With b bits a character it is 100 * 2^-b, so
that bits come back from it.
"""

import math
from collections.abc import Sequence
from typing import Any

METRIC = "character_likelihood"


def character_likelihood(item: dict[str, Any], results: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """exp(log P(answer | prompt) / characters) of the reference answer, 0 to 1; its separator is a character."""
    [(log_likelihood, _greedy)] = results
    return {METRIC: math.exp(log_likelihood / len(item["answer"]))}


def bits(score: float) -> float:
    """Bits a character behind an item's score (0 to 1): -log2; infinite where the score fell to 0."""
    return -math.log2(score) if score > 0 else math.inf


def further_figures(metric: str, scores: Sequence[float]) -> dict[str, float]:
    """Bits a character, the mean over items and its standard error, where the metric is one of likelihood."""
    if metric != METRIC:
        return {}
    values = [bits(score) for score in scores]
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / max(len(values) - 1, 1)
    return {"bits_per_character": mean, "bits_per_character_stderr": math.sqrt(variance / len(values))}


def response_text(results: Sequence[tuple[float, bool]]) -> str:
    """The response in an item's record: the log-likelihoods, and which continuations are the greedy ones."""
    return "; ".join(f"{value:.3f} nats{', greedy' if greedy else ''}" for value, greedy in results)
