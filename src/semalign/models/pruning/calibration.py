"""What a model's parts read and write over the calibration documents, as running sums in float64.

States are summed up batch by batch and never kept: a matrix of moments takes its width squared, however many the
tokens are.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch

Observer = Callable[[torch.Tensor, torch.Tensor], None]
"""Takes a module's input and output rows of one batch, each [tokens, width]."""


class Moment:
    """The running mean of left^T right over tokens, [left width, right width], float64."""

    def __init__(self) -> None:
        self.total: torch.Tensor | None = None
        self.tokens = 0

    def add(self, left: torch.Tensor, right: torch.Tensor) -> None:
        """Count the rows of one batch, [tokens, left width] and [tokens, right width]."""
        product = left.double().T @ right.double()
        self.total = product if self.total is None else self.total.add_(product)
        self.tokens += len(left)

    @property
    def mean(self) -> torch.Tensor:
        """The sum over the tokens' number."""
        assert self.total is not None  # documents hold at least one token
        return self.total / self.tokens


def observe(model: Any, batches: Sequence[Batch], observers: Mapping[str, Observer]) -> None:
    """Run the model's body over the batches and show every named module's rows to its observer, padding left out."""
    rows = torch.empty(0, dtype=torch.bool)

    def hook(observer: Observer) -> Callable[..., None]:
        def show(_module: Any, args: Any, kwargs: Any, output: Any) -> None:
            inputs = args[0] if args else kwargs["hidden_states"]
            outputs = output[0] if isinstance(output, tuple) else output
            observer(inputs[rows], outputs[rows])

        return show

    with contextlib.ExitStack() as hooks, torch.no_grad():
        for name, observer in observers.items():
            module = model.get_submodule(name)
            hooks.callback(module.register_forward_hook(hook(observer), with_kwargs=True).remove)
        for batch in batches:
            rows = batch.attention_mask.bool()
            model.base_model(batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)


def refit(cross: torch.Tensor, gram: torch.Tensor, prior: torch.Tensor, ridge: float) -> torch.Tensor:
    """T minimising E|y - T x|^2 + lambda |T - prior|^2, [outputs, inputs], float64.

    `cross` = E[y x^T], `gram` = E[x x^T], lambda = `ridge` times the gram's mean diagonal. Where x says nothing, the
    prior stays; where the prior already fits, it is the solution whatever the data's rank.
    """
    strength = ridge * gram.diagonal().mean().clamp_min(1e-30)
    damped = gram + strength * torch.eye(len(gram), dtype=gram.dtype)
    return prior + torch.linalg.solve(damped, (cross - prior @ gram).T, left=True).T
