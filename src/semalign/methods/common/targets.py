"""Targets of the alignment stage, and states of the activations stage, read during training."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from semalign.benchmarks.encoding import Encoded
from semalign.signals.alignment import interpolate
from semalign.signals.pairing import LayerPair
from semalign.signals.stored import Stored, rows_of

PREFIX = "layer."  # tensors are named layer.<number>


class LayerTargets(Protocol):
    """Targets by student layer and example, wherever they are kept."""

    def of(self, layer: int, indices: Sequence[int]) -> torch.Tensor:
        """Targets [supervised positions, width] of a batch's examples, in the order of `indices`."""
        ...


@dataclass(frozen=True)
class HeldTargets:
    """Targets in memory: layer -> [positions, width], and the offsets [examples + 1] of the examples."""

    layers: Mapping[int, torch.Tensor]
    offsets: torch.Tensor

    def of(self, layer: int, indices: Sequence[int]) -> torch.Tensor:
        """Targets [supervised positions, width] of a batch's examples, in the order of `indices`."""
        return rows_of(self.layers[layer], self.offsets, indices)


class Targets:
    """The teacher's aligned states, by student layer and example.

    Raises UserError if the stored positions are not those of the examples.
    """

    def __init__(self, path: Path, examples: Sequence[Encoded]) -> None:
        self.stored = Stored(path, examples)
        names = (name for name in self.stored.tensors if name.startswith(PREFIX))
        self.layers = sorted(int(name.removeprefix(PREFIX)) for name in names)

    def of(self, layer: int, indices: Sequence[int]) -> torch.Tensor:
        """Targets [supervised positions, width] of a batch's examples, in the order of `indices`."""
        return self.stored.of(f"{PREFIX}{layer}", indices)


def paired_states(stored: Stored, pairs: Sequence[LayerPair]) -> Iterator[tuple[int, torch.Tensor]]:
    """Yield each paired student layer with its teacher states [positions, D_T], interpolated as for SemAlign."""
    states = {int(name.removeprefix(PREFIX)): rows for name, rows in stored.tensors.items()}
    for pair in pairs:
        yield pair.student, interpolate(states, pair.below, pair.above, pair.weight)
