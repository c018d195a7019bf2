"""The alignment stage's targets, as a training reads them."""

from collections.abc import Sequence
from pathlib import Path

import torch

from semalign.benchmarks.encoding import Encoded
from semalign.signals.stored import Stored

PREFIX = "layer."  # what a layer's tensor is called: layer.<number>


class Targets:
    """The teacher's aligned states, by student layer and example.

    Raises UserError when the stored positions are not those of the examples.
    """

    def __init__(self, path: Path, examples: Sequence[Encoded]) -> None:
        self.stored = Stored(path, examples)
        names = (name for name in self.stored.tensors if name.startswith(PREFIX))
        self.layers = sorted(int(name.removeprefix(PREFIX)) for name in names)

    def of(self, layer: int, indices: Sequence[int]) -> torch.Tensor:
        """Targets [supervised positions, width] of a batch's examples, in their order."""
        return self.stored.of(f"{PREFIX}{layer}", indices)
