"""Layer attribution: which teacher layers carry the task (paper section on layer attribution).

The score of a layer is its gradient times its activation: the gradient of the supervised loss with respect to
the layer's output, times that output, added up over tokens and channels, averaged over the examples. How tokens
and channels become one number an example (absolute value of the sum, or sum of absolute values) the paper leaves
open. It announces other granularities: here the outputs of a layer's attention and MLP, or the activations of
its MLP neurons (what enters the down projection), each reduced on its own; they add up to the layer's score.

Signed, the neurons add up to the MLP's score where the down projection has no bias and no norm stands behind it:
<W^T g, a> = <g, W a>. Behind a norm (Gemma 3) the signed sum is near zero, as the norm takes out the scale.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch
from semalign.config.signals import Attribution
from semalign.models.anatomy import States, capture, facts_of, layers_of
from semalign.runtime.errors import UserError

# granularity -> the interfaces whose scores are added up
PARTS = {"layer": ("block",), "sublayer": ("attention", "mlp"), "neuron": ("neurons",)}
# granularity -> the dimensions of [examples, positions, width] that are one thing with one score
SUMMED = {"layer": (0, 1, 2), "sublayer": (0, 1, 2), "neuron": (0, 1)}


def score_layers(model: Any, batches: Sequence[Batch], settings: Attribution) -> list[list[float]]:
    """Scores [examples, layers] of gradient times activation.

    Each batch holds one example, so that absolute values are taken per example. The model's parameters stay
    frozen: only activations get gradients. Raises UserError when a score is not finite.
    """
    scores = [_score_example(model, batch, settings) for batch in batches]
    for index, row in enumerate(scores):
        if not all(torch.isfinite(torch.tensor(row))):
            raise UserError(
                f"attribution: example {index} of the extract split: a layer's score is not finite"
            )
    return scores


def random_scores(examples: int, layers: int, seed: int) -> list[list[float]]:
    """A control: scores [examples, layers] drawn from 0 to 1, evenly."""
    generator = torch.Generator().manual_seed(seed)
    drawn: list[list[float]] = torch.rand(examples, layers, generator=generator, dtype=torch.float64).tolist()
    return drawn


def rank_layers(scores: Sequence[Sequence[float]]) -> list[int]:
    """Layers (numbered from 1) by mean score over the examples, most critical first; ties go to the shallower."""
    means = torch.tensor(scores, dtype=torch.float64).mean(0).tolist()
    return sorted(range(1, len(means) + 1), key=lambda layer: (-means[layer - 1], layer))


def supervised_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy in nats over the supervised positions of [examples, positions, vocabulary] logits."""
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), labels.flatten())


def reduce_product(product: torch.Tensor, settings: Attribution) -> float:
    """One score from gradient times activation [examples, positions, width]."""
    if settings.reduction == "signed":
        return float(product.sum())
    if settings.reduction == "abs-sum":
        return float(product.abs().sum())
    return float(product.sum(SUMMED[settings.granularity]).abs().sum())


def _score_example(model: Any, batch: Batch, settings: Attribution) -> list[float]:
    layers = range(1, len(layers_of(model)) + 1)
    embedding = model.get_submodule(facts_of(model).embedding)
    # frozen weights give no graph: start one at the embedding's output
    start = embedding.register_forward_hook(lambda _m, _a, output: output.requires_grad_())
    try:
        with torch.enable_grad(), _watch(model, layers, settings.granularity) as states:
            batch = batch.to(model.device)
            logits = model(batch.input_ids, attention_mask=batch.attention_mask, use_cache=False).logits
        keys = [(part, layer) for layer in layers for part in PARTS[settings.granularity]]
        labels = batch.labels.to(logits.device)
        gradients = torch.autograd.grad(supervised_loss(logits, labels), [states[key] for key in keys])
    finally:
        start.remove()
    scores = dict.fromkeys(layers, 0.0)
    for key, gradient in zip(keys, gradients, strict=True):
        scores[key[1]] += reduce_product(states[key].detach().double() * gradient.double(), settings)
    return list(scores.values())


@contextlib.contextmanager
def _watch(model: Any, layers: Sequence[int], granularity: str) -> Iterator[States]:
    """`capture` of a granularity's interfaces; `neurons` is what enters a layer's down projection."""
    if granularity != "neuron":
        with capture(model, layers, PARTS[granularity]) as states:
            yield states
        return
    down = facts_of(model).projections["down"]
    neurons: States = {}
    with contextlib.ExitStack() as hooks:
        for layer in layers:

            def keep(_module: Any, args: Any, layer: int = layer) -> None:
                neurons["neurons", layer] = args[0]

            module = layers_of(model)[layer - 1].get_submodule(down)
            hooks.callback(module.register_forward_pre_hook(keep).remove)
        yield neurons
