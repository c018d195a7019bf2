"""Run the frozen layers below the lowest trained one once per example instead of once per step.

Steering trains only factors of the paired layers, so the inputs of the lowest of them are the same at every step. They
are stored at each example's first visit, in the model's precision, and the layers below are skipped from then on
(`semalign.models.skipping`).

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
from semalign.models.skipping import resumed
from semalign.models.states import stop_after
from semalign.training.operations import once

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
    yield _Kept(model, first, encoded, size, pad_id).visit


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
    """The inputs of layer `first`, by example."""

    def __init__(self, model: Any, first: int, encoded: Sequence[Encoded], size: int, pad_id: int) -> None:
        self.model = model
        self.first = first
        self.encoded = encoded
        self.pad_id = pad_id
        self.group = {index: group for group in like_lengths(encoded, size) for index in group}
        self.states: dict[int, torch.Tensor] = {}

    @contextlib.contextmanager
    def visit(self, batch: Batch, indices: Sequence[int]) -> Iterator[None]:
        """Context in which the layers below do not run, and layer `first` receives the stored states."""
        for index in indices:
            if index not in self.states:
                self._fill(self.group[index])
        with resumed(self.model, self.first - 1, self._padded(indices, batch.input_ids.shape[1])):
            yield

    def _fill(self, group: Sequence[int]) -> None:
        """Run the layers below on a group, and store each example's states without padding."""
        # A fixed group instead of the batch: the rows of a matrix product affect its rounding, and after a resumption
        # an example may be seen first in another batch.
        batch = collate([self.encoded[i] for i in group], self.pad_id).to(self.model.device)
        last = self.first - 1
        reading = capture(self.model, [last], ["block"])
        with once(f"examples {group}"), torch.no_grad(), reading as states, stop_after(self.model, last):
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


def _drops_out(module: torch.nn.Module) -> bool:
    dropout = isinstance(module, torch.nn.Dropout)
    return module.training and bool(module.p if dropout else getattr(module, "attention_dropout", 0))
