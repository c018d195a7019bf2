"""Reading a model's states at the supervised positions (paper section on steering)."""

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
from semalign.models.readout import final_states


class _DeepEnough(Exception):
    """Raised after the deepest layer that is needed, so that the layers above it do not run."""


def read_states(
    model: Any,
    encoded: Sequence[Encoded],
    layers: Sequence[int],
    interface: str,
    batch_size: int,
    pad_id: int,
) -> dict[int, torch.Tensor]:
    """Layer -> float32 states [positions, width] at every supervised position, in the order of the examples.

    Only the layers up to the deepest wanted one run, and only supervised positions are kept. Batches hold examples of
    similar length, whatever their order; the states depend on the batches by rounding only.
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


def read_final_states(model: Any, encoded: Sequence[Encoded], batch_size: int, pad_id: int) -> torch.Tensor:
    """Float32 states after the final norm [positions, width] at every supervised position."""
    kept = Rows(encoded)
    for indices in like_lengths(encoded, batch_size):
        batch = collate([encoded[i] for i in indices], pad_id).to(model.device)
        with torch.no_grad():
            kept.put(indices, final_states(model, batch).float().cpu())
    return kept.tensor


def answer_tokens(encoded: Sequence[Encoded]) -> torch.Tensor:
    """The answers' tokens [positions], those that the supervised positions predict."""
    return torch.tensor([token for item in encoded for token in item.supervised])


def encode_split(folder: Path, benchmark: Path, split: Split) -> tuple[list[Encoded], int]:
    """Encode a split with the tokenizer of the model in `folder`; also returns the tokenizer's padding id."""
    tokenizer = load_tokenizer(folder)
    encoded = [encode(example, tokenizer) for example in read_split(benchmark, split)]
    return encoded, tokenizer.pad_token_id or 0


class Rows:
    """One tensor [positions, ...] of all examples, filled in any order without a second copy."""

    def __init__(self, encoded: Sequence[Encoded]) -> None:
        self.offsets = offsets_of(encoded).tolist()
        self.tensor = torch.empty(0)

    def put(self, indices: Sequence[int], rows: torch.Tensor) -> None:
        """Store the rows of the supervised positions of these examples, given in their order."""
        if not len(self.tensor):
            self.tensor = rows.new_empty(self.offsets[-1], *rows.shape[1:])
        start = 0
        for index in indices:
            place = slice(self.offsets[index], self.offsets[index + 1])
            end = start + place.stop - place.start
            self.tensor[place] = rows[start:end]
            start = end


def offsets_of(encoded: Sequence[Encoded]) -> torch.Tensor:
    """Offsets [examples + 1] at which each example's supervised states begin and end."""
    counts = [item.positions for item in encoded]
    return torch.tensor([0, *counts]).cumsum(0)


@contextlib.contextmanager
def stop_after(model: Any, layer: int) -> Iterator[None]:
    """End a forward pass after `layer`; hooks that were registered earlier have run by then."""

    def stop(*_: Any) -> None:
        raise _DeepEnough

    handle = layers_of(model)[layer - 1].register_forward_hook(stop)
    try:
        with contextlib.suppress(_DeepEnough):
            yield
    finally:
        handle.remove()
