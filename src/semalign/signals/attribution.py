"""Layer attribution: which teacher layers the task depends on (SemAlign, arXiv 2510.24208, "layer attribution").

The score of a layer is gradient times activation: the gradient of the supervised loss with respect to the layer's
output, times that output, summed over tokens and channels and averaged over the examples. The paper leaves open how
tokens and channels are reduced to one number per example; `attribution.reduction` selects the absolute value of the
sum, the sum of absolute values, or the signed sum. The paper also announces an ablation over granularity. Here the
finer ones are a layer's attention and MLP outputs (`sublayer`), or the activations of its MLP neurons, which are the
inputs of the down projection (`neuron`). Each part is reduced separately; a layer's score is their sum.

With the signed reduction, the neurons add up to the MLP's score if the down projection has no bias and no norm follows
it: <W^T g, a> = <g, W a>. If a norm follows (Gemma 3), the signed sum is near zero because the norm removes the scale.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch
from semalign.config.signals import Attribution
from semalign.models.anatomy import States, capture, facts_of, layers_of
from semalign.runtime.errors import UserError
from semalign.training.operations import few_counted

# granularity -> the interfaces whose scores are summed
PARTS = {"layer": ("block",), "sublayer": ("attention", "mlp"), "neuron": ("neurons",)}
# granularity -> the dimensions of [examples, positions, width] that are summed before absolute values are taken
SUMMED = {"layer": (0, 1, 2), "sublayer": (0, 1, 2), "neuron": (0, 1)}


def score_layers(model: Any, batches: Sequence[Batch], settings: Attribution) -> list[list[float]]:
    """Gradient-times-activation scores, [examples, layers] (SemAlign, arXiv 2510.24208, "layer attribution").

    Each batch must hold one example, so that absolute values are taken per example. The model's parameters stay
    frozen; only activations receive gradients. Raises UserError if a score is not finite.
    """
    scores = []
    with few_counted() as counted:
        for index, batch in enumerate(batches):
            with counted(index, batch.size):
                scores.append(_score_example(model, batch, settings))
    for index, row in enumerate(scores):
        if not all(torch.isfinite(torch.tensor(row))):
            raise UserError(
                f"attribution: example {index} of the extract split: found a layer score that is not finite"
            )
    return scores


def random_scores(examples: int, layers: int, seed: int) -> list[list[float]]:
    """Control: scores [examples, layers] drawn uniformly from 0 to 1."""
    generator = torch.Generator().manual_seed(seed)
    drawn: list[list[float]] = torch.rand(examples, layers, generator=generator, dtype=torch.float64).tolist()
    return drawn


def rank_layers(scores: Sequence[Sequence[float]]) -> list[int]:
    """Layers (numbered from 1) by mean score over the examples, highest first; ties go to the shallower layer."""
    means = torch.tensor(scores, dtype=torch.float64).mean(0).tolist()
    return sorted(range(1, len(means) + 1), key=lambda layer: (-means[layer - 1], layer))


def supervised_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy in nats over the supervised positions of [examples, positions, vocabulary] logits."""
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), labels.flatten())


def reduce_product(product: torch.Tensor, settings: Attribution) -> float:
    """Reduce gradient times activation, [examples, positions, width], to one score."""
    if settings.reduction == "signed":
        return float(product.sum())
    if settings.reduction == "abs-sum":
        return float(product.abs().sum())
    return float(product.sum(SUMMED[settings.granularity]).abs().sum())


def _score_example(model: Any, batch: Batch, settings: Attribution) -> list[float]:
    layers = range(1, len(layers_of(model)) + 1)
    embedding = model.get_submodule(facts_of(model).embedding)
    # with all weights frozen autograd would record nothing, so the graph starts at the embedding's output
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
    """Capture a granularity's interfaces; `neurons` is the input of a layer's down projection."""
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
