"""Layer attribution: which teacher layers carry the task (paper section on layer attribution).

The score of a layer is its gradient times its activation: the gradient of the supervised loss with respect to
the layer's output, times that output, added up over tokens and channels, averaged over the examples. How tokens
and channels become one number an example (absolute value of the sum, or sum of absolute values) the paper leaves
open.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch
from semalign.config.signals import Attribution
from semalign.errors import UserError
from semalign.models.anatomy import capture, facts_of, layers_of

REDUCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "abs-of-sum": lambda product: product.sum().abs(),
    "abs-sum": lambda product: product.abs().sum(),
    "signed": lambda product: product.sum(),
}


def attribute_layers(model: Any, batches: Sequence[Batch], settings: Attribution) -> list[list[float]]:
    """Scores [examples, layers] of gradient times activation.

    Each batch holds one example, so that absolute values are taken per example. The model's parameters stay
    frozen: only activations get gradients. Raises UserError when a score is not finite.
    """
    reduce = REDUCTIONS[settings.reduction]
    scores = [_score_example(model, batch, reduce) for batch in batches]
    for index, row in enumerate(scores):
        if not all(torch.isfinite(torch.tensor(row))):
            raise UserError(
                f"attribution: example {index} of the extract split: a layer's score is not finite"
            )
    return scores


def rank_layers(scores: Sequence[Sequence[float]]) -> list[int]:
    """Layers (numbered from 1) by mean score over the examples, most critical first; ties go to the shallower."""
    means = torch.tensor(scores, dtype=torch.float64).mean(0).tolist()
    return sorted(range(1, len(means) + 1), key=lambda layer: (-means[layer - 1], layer))


def supervised_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy in nats over the supervised positions of [examples, positions, vocabulary] logits."""
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), labels.flatten())


def _score_example(model: Any, batch: Batch, reduce: Callable[[torch.Tensor], torch.Tensor]) -> list[float]:
    layers = range(1, len(layers_of(model)) + 1)
    embedding = model.get_submodule(facts_of(model).embedding)
    # frozen weights give no graph: start one at the embedding's output
    start = embedding.register_forward_hook(lambda _m, _a, output: output.requires_grad_())
    try:
        with torch.enable_grad(), capture(model, layers, ["block"]) as states:
            logits = model(batch.input_ids, attention_mask=batch.attention_mask, use_cache=False).logits
        outputs = [states["block", layer] for layer in layers]
        gradients = torch.autograd.grad(supervised_loss(logits, batch.labels), outputs)
    finally:
        start.remove()
    products = (
        output.detach().double() * gradient.double()
        for output, gradient in zip(outputs, gradients, strict=True)
    )
    return [float(reduce(product)) for product in products]
