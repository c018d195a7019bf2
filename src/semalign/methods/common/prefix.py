"""Run the frozen layers below the lowest trained one once per example instead of once per step.

Steering trains only factors of the paired layers, so the inputs of the lowest of them are the same at every step. They
are stored at each example's first visit, in the model's precision, and the layers below are skipped from then on.

This works without changes to the model's code:

- Each layer below gets a `forward` that returns its input (`_skipped`). The model still runs from the embedding to the
  head, and computes masks and positions as usual.
- A hook before the lowest trained layer replaces its input, which is then only the embedding, by the stored states
  (`_Kept.hand_over`).

An example's states come from one forward pass over a fixed group of examples of similar length, whatever batch the
example is first seen in, so that a resumed training gives the same bytes. Compared with running the whole model, the
states differ only by the rounding of matrix products over other groups of rows: no layer below is trained or has
dropout, and padding is on the right, to which no position attends.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch, Encoded, collate, like_lengths
from semalign.models.anatomy import capture, layers_of
from semalign.models.states import stop_after

ROOM = 4 << 30  # limit in bytes for the states of all examples, in CPU memory
Visit = Callable[[Batch, Sequence[int]], AbstractContextManager[None]]


@contextlib.contextmanager
def frozen_prefix(
    model: Any, encoded: Sequence[Encoded], size: int, pad_id: int, visits: int, room: int = ROOM
) -> Iterator[Visit]:
    """Yield `visit(batch, indices)`, a context in which a forward pass over these examples skips the frozen layers.

    `indices` are those of the batch in `encoded`. `visits` is the total number of visits to examples, repetitions
    included; `size` examples at a time run through the layers below. `visit` does nothing if skipping saves no time or
    would need more than `room` bytes (see `can_keep`). Within `visit`, no hook may read a layer below; otherwise the
    forward pass raises ValueError.
    """
    first = first_trained(model)  # counted from 1: layers[first - 1] is the lowest trained layer
    if not can_keep(model, first, encoded, visits, room):
        yield lambda _batch, _indices: contextlib.nullcontext()
        return
    kept = _Kept(model, first, encoded, size, pad_id)
    handle = layers_of(model)[first - 1].register_forward_pre_hook(kept.hand_over, with_kwargs=True)
    try:
        yield kept.visit
    finally:
        handle.remove()


def first_trained(model: Any) -> int:
    """The lowest layer (from 1) with a trained parameter; 1 if the embedding is trained or if no layer is."""
    if any(parameter.requires_grad for parameter in model.get_input_embeddings().parameters()):
        return 1
    layers = enumerate(layers_of(model), start=1)
    return next((k for k, layer in layers if any(p.requires_grad for p in layer.parameters())), 1)


def can_keep(model: Any, first: int, encoded: Sequence[Encoded], visits: int, room: int = ROOM) -> bool:
    """Whether running the layers below `first` only once per example is possible and saves time.

    There must be such layers, without dropout; examples must be visited more than once on average; and the states of
    all examples must fit into `room` bytes.
    """
    below = [module for layer in layers_of(model)[: first - 1] for module in layer.modules()]
    size = sum(len(item.input_ids) for item in encoded) * model.config.hidden_size * model.dtype.itemsize
    return first > 1 and visits > len(encoded) and size <= room and not any(map(_drops_out, below))


class _Kept:
    """The inputs of layer `first`, by example, and the hooks that use them."""

    def __init__(self, model: Any, first: int, encoded: Sequence[Encoded], size: int, pad_id: int) -> None:
        self.model = model
        self.first = first
        self.encoded = encoded
        self.pad_id = pad_id
        self.group = {index: group for group in like_lengths(encoded, size) for index in group}
        self.states: dict[int, torch.Tensor] = {}
        self.replacement: torch.Tensor | None = None

    @contextlib.contextmanager
    def visit(self, batch: Batch, indices: Sequence[int]) -> Iterator[None]:
        """Context in which the layers below return their input, and layer `first` receives the stored states."""
        for index in indices:
            if index not in self.states:
                self._fill(self.group[index])
        self.replacement = self._padded(indices, batch.input_ids.shape[1])
        try:
            with _skipped(layers_of(self.model)[: self.first - 1]):
                yield
        finally:
            self.replacement = None

    def hand_over(self, _layer: Any, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
        """Hook before layer `first`: replace its input by the stored states."""
        if self.replacement is None:  # outside a visit the layers below do run, for instance in `_fill`
            return None
        states = self.replacement.to((args[0] if args else kwargs["hidden_states"]).device)
        return ((states, *args[1:]), kwargs) if args else (args, kwargs | {"hidden_states": states})

    def _fill(self, group: Sequence[int]) -> None:
        """Run the layers below on a group, and store each example's states without padding."""
        # A fixed group instead of the batch: the rows of a matrix product affect its rounding, and after a resumption
        # an example may be seen first in another batch.
        batch = collate([self.encoded[i] for i in group], self.pad_id).to(self.model.device)
        last = self.first - 1
        with torch.no_grad(), capture(self.model, [last], ["block"]) as states, stop_after(self.model, last):
            self.model.base_model(batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
        block = states["block", last].cpu()
        for row, index in enumerate(group):
            # copied, since a view would keep the whole padded group in memory
            self.states[index] = block[row, : len(self.encoded[index].input_ids)].clone()

    def _padded(self, indices: Sequence[int], positions: int) -> torch.Tensor:
        """Stored states [examples, positions, width], padded with zeros, to which no position of an example attends."""
        first = self.states[indices[0]]
        padded = first.new_zeros(len(indices), positions, first.shape[1])
        for row, index in enumerate(indices):
            states = self.states[index]
            padded[row, : len(states)] = states
        return padded


@contextlib.contextmanager
def _skipped(layers: Sequence[Any]) -> Iterator[None]:
    """Context in which the layers return their input.

    A `forward` on the instance shadows that of the class. Hooks still run, since torch calls them around `forward`.
    """
    # a model over several GPUs already has a `forward` on its instances, which must be restored
    forwards = [layer.__dict__.get("forward") for layer in layers]
    try:
        for layer in layers:
            layer.forward = _passing(layer)
        yield
    finally:
        for layer, forward in zip(layers, forwards, strict=True):
            if forward is None:
                del layer.forward
            else:
                layer.forward = forward


def _passing(layer: Any) -> Callable[..., torch.Tensor]:
    """A `forward` that returns its input, and raises ValueError if a hook was added to the layer within the visit.

    Such a hook would take the embedding for the layer's output.
    """
    before = _readers(layer)

    def forward(hidden_states: torch.Tensor, *_args: Any, **_kwargs: Any) -> torch.Tensor:
        if _readers(layer) != before:
            raise ValueError(
                "found a hook on a layer below the lowest trained one, expected none: it is not run"
            )
        return hidden_states

    return forward


def _readers(layer: Any) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in layer.modules())


def _drops_out(module: torch.nn.Module) -> bool:
    dropout = isinstance(module, torch.nn.Dropout)
    return module.training and bool(module.p if dropout else getattr(module, "attention_dropout", 0))
