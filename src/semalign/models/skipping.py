"""Run a loaded model from one of its layers on, from given states, without changes to the model's code.

Each layer up to that one gets a `forward` that returns its input, and the last of them one that returns the states. The
model still runs from the embedding to the head, and computes masks and positions as usual.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch

from semalign.models.anatomy import layers_of


@contextlib.contextmanager
def resumed(model: Any, layer: int, states: torch.Tensor) -> Iterator[None]:
    """Context in which the layers up to `layer` (from 1) do not run.

    `states` [examples, positions, width] replace the output of `layer`, and gradients reach them. No hook may be added
    to one of these layers within the context; otherwise the forward pass raises ValueError, since such a hook would
    take the embedding for the layer's output.
    """
    skipped = layers_of(model)[:layer]
    # a model over several GPUs already has a `forward` on its instances, which must be restored
    forwards = [module.__dict__.get("forward") for module in skipped]
    try:
        for number, module in enumerate(skipped, start=1):
            # on the instance it shadows that of the class; hooks still run, since torch calls them around `forward`
            module.forward = _passing(module, states if number == layer else None)
        yield
    finally:
        for module, forward in zip(skipped, forwards, strict=True):
            if forward is None:
                del module.forward
            else:
                module.forward = forward


def _passing(layer: Any, states: torch.Tensor | None) -> Callable[..., torch.Tensor]:
    """A `forward` that returns `states`, or its input if there are none."""
    before = _readers(layer)

    def forward(hidden_states: torch.Tensor, *_args: Any, **_kwargs: Any) -> torch.Tensor:
        if _readers(layer) != before:
            raise ValueError("found a hook on a layer that is skipped, expected none: it is not run")
        return hidden_states if states is None else states.to(hidden_states.device)

    return forward


def _readers(layer: Any) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in layer.modules())
