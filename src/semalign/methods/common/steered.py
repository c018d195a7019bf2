"""One forward pass of a student whose layers are steered."""

import contextlib
from collections.abc import Sequence
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch
from semalign.models.anatomy import capture
from semalign.models.readout import final_states
from semalign.models.states import stop_after


def steered_states(
    model: Any, batch: Batch, layers: Sequence[int], interface: str, answers: bool
) -> tuple[dict[int, torch.Tensor], torch.Tensor | None]:
    """Layer -> states [supervised positions, width] at the interface, and the input of the LM head, of the same shape.

    Without a loss on the answers, the latter is None, and no layer above the deepest of `layers` runs. Raises
    ValueError if there is then no layer at all.
    """
    early_stop = contextlib.nullcontext() if answers else stop_after(model, max(layers))
    final = None
    with capture(model, layers, [interface]) as outputs, early_stop:
        final = final_states(model, batch)
    states = {layer: outputs[interface, layer] for layer in layers}
    return {layer: rows[batch.supervised.to(rows.device)] for layer, rows in states.items()}, final
