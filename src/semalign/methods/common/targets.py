"""Targets of the alignment stage, and states of the activations stage, read during training."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from semalign.benchmarks.encoding import Encoded
from semalign.signals.alignment import interpolate
from semalign.signals.pairing import LayerPair
from semalign.signals.stored import Stored

PREFIX = "layer."  # tensors are named layer.<number>


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
