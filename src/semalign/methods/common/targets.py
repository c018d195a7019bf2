"""Targets of the alignment stage, read during training."""

from collections.abc import Sequence
from pathlib import Path

import torch

from semalign.benchmarks.encoding import Encoded
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
