"""Which teacher layers a task depends on, and which student layers learn from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from semalign.api.checks import layer_numbers, whole
from semalign.api.inputs import Examples, Model, encoded_by, examples_of, loaded, plain, section_of
from semalign.benchmarks.base import Example
from semalign.benchmarks.encoding import collate
from semalign.config.signals import Attribution, Pairing
from semalign.methods.displaced.training import evaluating
from semalign.models.anatomy import layers_of
from semalign.models.loading import read_shape
from semalign.runtime.errors import UserError
from semalign.signals.attribution import rank_layers, score_layers
from semalign.signals.likeness import Read, block_states, likeness_of
from semalign.signals.pairing import LayerPair, choose_pairs, critical_layers


@dataclass(frozen=True)
class LayerScores:
    """`ranking`: layers from 1, most critical first; `scores` [examples, layers] in float64."""

    ranking: list[int]
    scores: Tensor


def attribute_layers(
    model: Model,
    examples: Examples,
    *,
    granularity: Literal["layer", "sublayer", "neuron"] = "layer",
    reduction: Literal["abs-of-sum", "abs-sum", "signed"] = "abs-of-sum",
) -> LayerScores:
    """Score a teacher's layers by gradient times activation (SemAlign, arXiv 2510.24208, "layer attribution").

    The gradient is that of the mean cross-entropy on the answers, in nats.

    Args:
        model: The teacher: a folder, or `(model, tokenizer)`.
        examples: `(prompt, answer)` pairs, or `Example`s; one forward and one backward pass each.
        granularity: What is scored: a layer's output, or its parts added up (attention and MLP, or MLP neurons).
        reduction: How the products of all tokens and channels become one number; the paper leaves it open.

    Raises UserError for a score that is not finite.
    """
    settings = section_of(Attribution, "attribution", {"granularity": granularity, "reduction": reduction})
    speaker = loaded(model)
    encoded, _ = encoded_by(speaker.tokenizer, examples_of(examples))
    batches = [collate([item], 0) for item in encoded]
    with evaluating(speaker.model):
        scores = score_layers(speaker.model, batches, settings)
    return LayerScores(rank_layers(scores), torch.tensor(scores, dtype=torch.float64))


def pair_layers(
    ranking: LayerScores | Sequence[int],
    teacher: Model | Any,
    student: Model | Any,
    *,
    rule: Literal["depth", "segment", "cka", "last", "random"] = "depth",
    pairs: int | Literal["all"] = 1,
    interpolate: bool = True,
    seed: int = 0,
    examples: Examples | None = None,
) -> list[LayerPair]:
    """Pair the most critical teacher layers with student layers, shallowest student layer first.

    `depth` is the paper's rule (SemAlign, arXiv 2510.24208, "layer pairing"); `signals.pairing` explains the others.

    Args:
        ranking: Result of `attribute_layers`, or teacher layers from 1, most critical first.
        teacher: A model or its folder, of which only the depth is read, or the number of its layers. For `cka` a folder
            or `(model, tokenizer)`.
        student: The same.
        rule: How a student layer is chosen.
        pairs: Number of critical teacher layers to pair, or `all` student layers (rules `depth` and `segment`). With
            `depth` and `cka`, of those that lead to the same student layer only the most critical one is paired.
        interpolate: Interpolate two teacher layers if the depth ratio is not whole (rule `depth`).
        seed: Seed of the rule `random`.
        examples: The examples by which the rule `cka` compares layers.

    Raises UserError for settings that do not go together, and as `signals.likeness` for `cka`.
    """
    values = {"rule": rule, "pairs": pairs, "interpolate": interpolate, "seed": seed}
    settings = section_of(Pairing, "pairing", values)
    depths = _depth(teacher), _depth(student)
    order = layer_numbers(
        "ranking", ranking.ranking if isinstance(ranking, LayerScores) else ranking, depths[0]
    )
    if (examples is None) == (rule == "cka"):
        found, expected = ("none", "some") if examples is None else ("some", "none")
        raise UserError(f"examples: found {found}, expected {expected} with the rule {rule}")
    likeness: list[list[float]] = []
    if examples is not None:
        items = examples_of(examples)
        of_teacher = _states(teacher, items, critical_layers(order, settings))
        likeness = likeness_of(of_teacher, _states(student, items, None), ("the teacher", "the student"))
    return choose_pairs(order, *depths, settings, likeness)


def _states(given: Model, examples: Sequence[Example], layers: Sequence[int] | None) -> Read:
    speaker = loaded(given)
    with evaluating(speaker.model):
        return block_states(*speaker, examples, layers or range(1, len(layers_of(speaker.model)) + 1))


def _depth(given: Any) -> int:
    if isinstance(given, int):
        return whole("depth", given)
    if isinstance(given, tuple):
        return len(layers_of(plain(given[0])))
    return len(layers_of(plain(given))) if isinstance(given, torch.nn.Module) else read_shape(given).layers
