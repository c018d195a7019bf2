"""The teacher's states at the supervised positions, read once and stored (paper section on steering)."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from semalign.benchmarks.encoding import Encoded, collate
from semalign.models.anatomy import capture, layers_of


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

    Only the layers up to the deepest wanted one run, and only supervised positions are kept.
    """
    kept: dict[int, list[torch.Tensor]] = {layer: [] for layer in layers}
    for start in range(0, len(encoded), batch_size):
        batch = collate(encoded[start : start + batch_size], pad_id).to(model.device)
        with torch.no_grad(), capture(model, layers, [interface]) as states, _stop_after(model, max(layers)):
            model(batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
        for layer in layers:
            found = states[interface, layer]
            kept[layer].append(found[batch.supervised.to(found.device)].float().cpu())
    return {layer: torch.cat(parts) for layer, parts in kept.items()}


def offsets_of(encoded: Sequence[Encoded]) -> torch.Tensor:
    """[examples + 1] positions at which each example's supervised states begin and end."""
    counts = [len(item.input_ids) - item.answer_start for item in encoded]
    return torch.tensor([0, *counts]).cumsum(0)


@contextlib.contextmanager
def _stop_after(model: Any, layer: int) -> Iterator[None]:
    """End a forward pass behind `layer`; hooks that were registered before have fired by then."""

    def stop(*_: Any) -> None:
        raise _DeepEnough

    handle = layers_of(model)[layer - 1].register_forward_hook(stop)
    try:
        with contextlib.suppress(_DeepEnough):
            yield
    finally:
        handle.remove()
