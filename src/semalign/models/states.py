"""The teacher's states at the supervised positions, read once and stored (paper section on steering)."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import Encoded, collate, encode, like_lengths
from semalign.config.base import Split
from semalign.models.anatomy import capture, layers_of
from semalign.models.loading import load_tokenizer


class _DeepEnough(Exception):
    """Raised behind the deepest needed layer: what lies above it need not run."""


def read_states(
    model: Any,
    encoded: Sequence[Encoded],
    layers: Sequence[int],
    interface: str,
    batch_size: int,
    pad_id: int,
) -> dict[int, torch.Tensor]:
    """Layer -> float32 states [positions, width] at every supervised position, in the order of the examples.

    Only the layers up to the deepest wanted one run, only supervised positions are kept, and batches hold examples of
    like length, whatever their order: against other batches the states differ by rounding.
    """
    kept = {layer: Rows(encoded) for layer in layers}
    for indices in like_lengths(encoded, batch_size):
        batch = collate([encoded[i] for i in indices], pad_id).to(model.device)
        with torch.no_grad(), capture(model, layers, [interface]) as states, stop_after(model, max(layers)):
            model(batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
        for layer in layers:
            output = states.pop((interface, layer))
            kept[layer].put(indices, output[batch.supervised.to(output.device)].float().cpu())
    return {layer: rows.tensor for layer, rows in kept.items()}


def encode_split(folder: Path, benchmark: Path, split: Split) -> tuple[list[Encoded], int]:
    """A split as the tokenizer of the model in `folder` cuts it, and that tokenizer's id for padding."""
    tokenizer = load_tokenizer(folder)
    encoded = [encode(example, tokenizer) for example in read_split(benchmark, split)]
    return encoded, tokenizer.pad_token_id or 0


class Rows:
    """One tensor [positions, ...] of all examples, filled in any order without a second copy."""

    def __init__(self, encoded: Sequence[Encoded]) -> None:
        self.offsets = offsets_of(encoded).tolist()
        self.tensor = torch.empty(0)

    def put(self, indices: Sequence[int], rows: torch.Tensor) -> None:
        """Take the rows of the supervised positions of these examples, in their order."""
        if not len(self.tensor):
            self.tensor = rows.new_empty(self.offsets[-1], *rows.shape[1:])
        start = 0
        for index in indices:
            place = slice(self.offsets[index], self.offsets[index + 1])
            end = start + place.stop - place.start
            self.tensor[place] = rows[start:end]
            start = end


def offsets_of(encoded: Sequence[Encoded]) -> torch.Tensor:
    """[examples + 1] positions at which each example's supervised states begin and end."""
    counts = [len(item.input_ids) - item.answer_start for item in encoded]
    return torch.tensor([0, *counts]).cumsum(0)


@contextlib.contextmanager
def stop_after(model: Any, layer: int) -> Iterator[None]:
    """End a forward pass behind `layer`; hooks that were registered before have fired by then."""

    def stop(*_: Any) -> None:
        raise _DeepEnough

    handle = layers_of(model)[layer - 1].register_forward_hook(stop)
    try:
        with contextlib.suppress(_DeepEnough):
            yield
    finally:
        handle.remove()
