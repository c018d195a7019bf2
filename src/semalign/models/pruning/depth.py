"""Pruning layers: those that change the residual stream least are removed (Men et al. 2024, ShortGPT)."""

import re
from collections.abc import Sequence
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch
from semalign.models.anatomy import facts_of, layers_of
from semalign.models.pruning.calibration import Observer, observe
from semalign.models.pruning.rebuilding import resized


def block_influence(model: Any, batches: Sequence[Batch]) -> list[float]:
    """1 - E[cos(input, output)] over tokens, one value per layer (arXiv 2403.03853, equation 1)."""
    facts = facts_of(model)
    likeness = [_Cosines() for _ in layers_of(model)]
    observe(model, batches, {f"{facts.layers}.{at}": seen.add for at, seen in enumerate(likeness)})
    return [1 - seen.total / seen.tokens for seen in likeness]


def most_influential(influence: Sequence[float], count: int) -> list[int]:
    """The `count` layers (from 0) of highest influence, in the model's order; equal ones are ranked by depth."""
    ranked = sorted(range(len(influence)), key=lambda layer: (-influence[layer], layer))
    return sorted(ranked[:count])


def keep_layers(model: Any, layers: Sequence[int]) -> Any:
    """The model with only `layers` (from 0), in this order."""
    facts = facts_of(model)
    place = {old: new for new, old in enumerate(layers)}
    inner = re.compile(rf"{re.escape(facts.layers)}\.(\d+)\.(.*)")
    state = {}
    for name, tensor in model.state_dict().items():
        match = inner.fullmatch(name)
        if not match:
            state[name] = tensor
        elif int(match[1]) in place:
            state[f"{facts.layers}.{place[int(match[1])]}.{match[2]}"] = tensor
    changes: dict[str, Any] = {"num_hidden_layers": len(layers)}
    if kinds := getattr(model.config, "layer_types", None):  # per layer: sliding window or full attention
        changes["layer_types"] = [kinds[layer] for layer in layers]
    return resized(model, state, **changes)


class _Cosines:
    """The running sum of cosines between input and output rows."""

    def __init__(self) -> None:
        self.total = 0.0
        self.tokens = 0

    @property
    def add(self) -> Observer:
        return self._add

    def _add(self, inputs: torch.Tensor, outputs: torch.Tensor) -> None:
        cosines = torch.nn.functional.cosine_similarity(inputs.double(), outputs.double(), dim=-1)
        self.total += cosines.sum().item()
        self.tokens += len(inputs)
