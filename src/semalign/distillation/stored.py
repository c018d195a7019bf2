"""Tensors of a signal stage with one row for every supervised position of the train split."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file

from semalign.activations import offsets_of
from semalign.benchmarks.encoding import Encoded
from semalign.errors import UserError


class Stored:
    """Named tensors [positions, ...], read by example.

    Raises UserError when the stored positions are not those of `examples`, as when teacher and student cut the
    answers into other tokens.
    """

    def __init__(self, path: Path, examples: Sequence[Encoded]) -> None:
        self.tensors: Mapping[str, torch.Tensor] = load_file(path)
        self.offsets = self.tensors["offsets"]
        expected = offsets_of(examples)
        if not torch.equal(self.offsets, expected):
            raise UserError(
                f"{path}: holds {int(self.offsets[-1])} positions of {len(self.offsets) - 1} examples, expected "
                f"{int(expected[-1])} of {len(examples)}; do teacher and student tokenise alike?"
            )

    def of(self, name: str, indices: Sequence[int]) -> torch.Tensor:
        """The rows of a batch's examples, in their order."""
        return self.select(self.tensors[name], indices)

    def select(self, rows: torch.Tensor, indices: Sequence[int]) -> torch.Tensor:
        """The same of any tensor whose rows are the stored positions."""
        return torch.cat([rows[self.offsets[i] : self.offsets[i + 1]] for i in indices])
