"""Statistics of a model's inputs and outputs over the calibration documents, as running sums in float64.

States are summed batch by batch and never kept, so a matrix of moments takes width squared in memory, whatever the
number of tokens.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch

Observer = Callable[[torch.Tensor, torch.Tensor], None]
"""A function of a module's input and output rows of one batch, each [tokens, width]."""


class Moment:
    """The running mean of left^T right over tokens, [left width, right width], float64."""

    def __init__(self) -> None:
        self.total: torch.Tensor | None = None
        self.tokens = 0

    def add(self, left: torch.Tensor, right: torch.Tensor) -> None:
        """Add the rows of one batch, [tokens, left width] and [tokens, right width]."""
        product = left.double().T @ right.double()
        self.total = product if self.total is None else self.total.add_(product)
        self.tokens += len(left)

    @property
    def mean(self) -> torch.Tensor:
        """The sum divided by the number of tokens."""
        assert self.total is not None  # documents hold at least one token
        return self.total / self.tokens


def observe(model: Any, batches: Sequence[Batch], observers: Mapping[str, Observer]) -> None:
    """Run the model's body over the batches and pass every named module's rows to its observer, without padding."""
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

    `cross` = E[y x^T], `gram` = E[x x^T], lambda = `ridge` times the mean of the gram's diagonal. In directions without
    data the result is the prior; if the prior already fits exactly, it is the solution whatever the rank of the data.
    """
    strength = ridge * gram.diagonal().mean().clamp_min(1e-30)
    damped = gram + strength * torch.eye(len(gram), dtype=gram.dtype)
    return prior + torch.linalg.solve(damped, (cross - prior @ gram).T, left=True).T
