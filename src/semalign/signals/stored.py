"""Tensors of a signal stage with one row per supervised position of the train split."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file

from semalign.benchmarks.encoding import Encoded
from semalign.models.states import offsets_of
from semalign.runtime.errors import UserError


class Stored:
    """Named tensors [positions, ...], read by example.

    The file may cover more examples than `examples`, since a method may train on only the first examples of a split;
    `tensors` then holds only the rows of `examples`. Raises UserError if the stored positions differ from those of
    `examples`, for instance because teacher and student tokenise the answers differently.
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
        # a tensor with another number of rows does not hold positions
        self.tensors: Mapping[str, torch.Tensor] = {
            name: tensor[:wanted] for name, tensor in tensors.items() if tensor.shape[:1] == (total,)
        }

    def of(self, name: str, indices: Sequence[int]) -> torch.Tensor:
        """The rows of a batch's examples in the tensor `name`, in the order of `indices`."""
        return self.select(self.tensors[name], indices)

    def select(self, rows: torch.Tensor, indices: Sequence[int]) -> torch.Tensor:
        """The rows of a batch's examples in any tensor [positions, ...] with the same positions."""
        return rows_of(rows, self.offsets, indices)


def rows_of(rows: torch.Tensor, offsets: torch.Tensor, indices: Sequence[int]) -> torch.Tensor:
    """The rows [positions, ...] of the examples `indices`, in their order; `offsets` [examples + 1] say which."""
    return torch.cat([rows[offsets[i] : offsets[i + 1]] for i in indices])
