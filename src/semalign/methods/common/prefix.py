"""The frozen layers below the lowest trained one: run once per example, not once per step.

Steering moves factors of the paired layers alone, so what enters the lowest of them is the same at every step. Here
it is kept at each example's first visit, in the model's own precision, and the layers below are skipped from then on.

How it is done, without a change to the model's own code:
- a layer below gets a `forward` that returns its input (`_skipped`), so that the model still runs from its embedding
  to its head and computes masks and positions as it always does;
- a hook in front of the lowest trained layer replaces what arrives there, which is only the embedding, by the kept
  states (`_Kept.hand_over`).

An example's states come from one forward pass over a fixed group of examples of like length, whatever batch it is
first seen in, so that a training that resumes has the same bytes. Against running the whole model they differ by the
rounding of matrix products over other groups of rows, and by nothing else: nothing below is trained, drops anything
out or looks ahead at padding, which is on the right.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch, Encoded, collate, like_lengths
from semalign.models.anatomy import capture, layers_of
from semalign.models.states import stop_after

ROOM = 4 << 30  # bytes that the states of all examples may take in the processor's memory
Visit = Callable[[Batch, Sequence[int]], AbstractContextManager[None]]


@contextlib.contextmanager
def frozen_prefix(
    model: Any, encoded: Sequence[Encoded], size: int, pad_id: int, visits: int, room: int = ROOM
) -> Iterator[Visit]:
    """Give `visit(batch, indices)`, a context in which a forward pass over these of `encoded` skips the frozen layers.

    It does nothing if nothing is saved by it, or if more than `room` bytes would have to be kept (`can_keep`). `visits`
    is how many examples will be visited, counted as often as they are; `size` of them go through the layers below at
    once. Within `visit` nothing may read a layer below: the forward pass raises ValueError then.
    """
    first = first_trained(model)  # layers count from 1: layers[first - 1] is the lowest trained one
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
    """The lowest layer (from 1) with a parameter that is trained; 1 if the embedding is trained, or no layer."""
    if any(parameter.requires_grad for parameter in model.get_input_embeddings().parameters()):
        return 1
    layers = enumerate(layers_of(model), start=1)
    return next((k for k, layer in layers if any(p.requires_grad for p in layer.parameters())), 1)


def can_keep(model: Any, first: int, encoded: Sequence[Encoded], visits: int, room: int = ROOM) -> bool:
    """Whether layers below `first` may run once per example, their states fit, and examples are seen more than once."""
    below = [module for layer in layers_of(model)[: first - 1] for module in layer.modules()]
    size = sum(len(item.input_ids) for item in encoded) * model.config.hidden_size * model.dtype.itemsize
    return first > 1 and visits > len(encoded) and size <= room and not any(map(_drops_out, below))


class _Kept:
    """The states that enter layer `first`, by example."""

    def __init__(self, model: Any, first: int, encoded: Sequence[Encoded], size: int, pad_id: int) -> None:
        self.model = model
        self.first = first
        self.encoded = encoded
        self.pad_id = pad_id
        self.group = {index: group for group in like_lengths(encoded, size) for index in group}
        self.states: dict[int, torch.Tensor] = {}
        self.now: torch.Tensor | None = None

    @contextlib.contextmanager
    def visit(self, batch: Batch, indices: Sequence[int]) -> Iterator[None]:
        """Within it, the model's layers below pass their input on, and layer `first` is given the kept states."""
        for index in indices:
            if index not in self.states:
                self._fill(self.group[index])
        self.now = self._padded(indices, batch.input_ids.shape[1])
        try:
            with _skipped(layers_of(self.model)[: self.first - 1]):
                yield
        finally:
            self.now = None

    def hand_over(self, _layer: Any, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
        """Put the kept states in the place of what enters the layer."""
        if self.now is None:  # not within a visit: the layers below ran, as when `_fill` reads them
            return None
        states = self.now.to((args[0] if args else kwargs["hidden_states"]).device)
        return ((states, *args[1:]), kwargs) if args else (args, kwargs | {"hidden_states": states})

    def _fill(self, group: Sequence[int]) -> None:
        """Run the layers below on a group and keep each example's own positions."""
        # the group and not the batch: which rows a matrix product has changes its rounding, and a resumed training
        # meets its examples in other batches for the first time
        batch = collate([self.encoded[i] for i in group], self.pad_id).to(self.model.device)
        last = self.first - 1
        with torch.no_grad(), capture(self.model, [last], ["block"]) as states, stop_after(self.model, last):
            self.model.base_model(batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
        block = states["block", last].cpu()
        for row, index in enumerate(group):
            # a copy, since a view would keep the padded group in memory
            self.states[index] = block[row, : len(self.encoded[index].input_ids)].clone()

    def _padded(self, indices: Sequence[int], positions: int) -> torch.Tensor:
        """[examples, positions, width], zero after each example's end, which no earlier position attends to."""
        first = self.states[indices[0]]
        padded = first.new_zeros(len(indices), positions, first.shape[1])
        for row, index in enumerate(indices):
            states = self.states[index]
            padded[row, : len(states)] = states
        return padded


@contextlib.contextmanager
def _skipped(layers: Sequence[Any]) -> Iterator[None]:
    """Let the layers pass their input on.

    `forward` is set on the instance, which shadows the class's; hooks still run, since they are called around it.
    """
    own = [layer.__dict__.get("forward") for layer in layers]  # a model over several GPUs has its own there
    try:
        for layer in layers:
            layer.forward = _passing(layer)
        yield
    finally:
        for layer, forward in zip(layers, own, strict=True):
            if forward is None:
                del layer.forward
            else:
                layer.forward = forward


def _passing(layer: Any) -> Callable[..., torch.Tensor]:
    """A forward pass that does nothing, and refuses to be read.

    A hook that is added within a visit would read an embedding and take it for a layer's output.
    """
    before = _readers(layer)

    def forward(hidden_states: torch.Tensor, *_args: Any, **_kwargs: Any) -> torch.Tensor:
        if _readers(layer) != before:
            raise ValueError("a layer below the lowest trained one is read, but its states are not computed")
        return hidden_states

    return forward


def _readers(layer: Any) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in layer.modules())


def _drops_out(module: torch.nn.Module) -> bool:
    dropout = isinstance(module, torch.nn.Dropout)
    return module.training and bool(module.p if dropout else getattr(module, "attention_dropout", 0))
