"""Tensors of a signal stage with one row for every supervised position of the train split."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file

from semalign.benchmarks.encoding import Encoded
from semalign.models.states import offsets_of
from semalign.runtime.errors import UserError


class Stored:
    """Named tensors [positions, ...], read by example.

    What was stored may go on behind `examples`: a method that trains on the first examples of a split reads the
    signals of all, and `tensors` holds their rows alone. Raises UserError when the stored positions are not those
    of `examples` as far as these go, as when teacher and student cut the answers into other tokens.
    """

    def __init__(self, path: Path, examples: Sequence[Encoded]) -> None:
        tensors = load_file(path)
        stored = tensors.pop("offsets")
        self.offsets = offsets_of(examples)
        if not torch.equal(stored[: len(self.offsets)], self.offsets):
            raise UserError(
                f"{path}: holds {int(stored[-1])} positions of {len(stored) - 1} examples, expected "
                f"{int(self.offsets[-1])} of {len(examples)}; do teacher and student tokenise alike?"
            )
        total = int(stored[-1])
        wanted = int(self.offsets[-1])
        # what has another number of rows is not about positions
        self.tensors: Mapping[str, torch.Tensor] = {
            name: tensor[:wanted] for name, tensor in tensors.items() if tensor.shape[:1] == (total,)
        }

    def of(self, name: str, indices: Sequence[int]) -> torch.Tensor:
        """The rows of a batch's examples, in their order."""
        return self.select(self.tensors[name], indices)

    def select(self, rows: torch.Tensor, indices: Sequence[int]) -> torch.Tensor:
        """The same of any tensor whose rows are the stored positions."""
        return torch.cat([rows[self.offsets[i] : self.offsets[i + 1]] for i in indices])
