"""Displacements: where the states of the student's layers should move, by token of the train split.

Three stages write them in one format, `displacement.safetensors`: either `shared` [positions, width], one displacement
for whichever layer is steered, or `layer.<k>` [positions, width] for each paired layer.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file

from semalign.benchmarks.encoding import Encoded
from semalign.models.states import offsets_of
from semalign.runtime.errors import UserError
from semalign.signals.stored import Stored
from semalign.training.losses import NEGLIGIBLE

NAME = "displacement.safetensors"
SHARED = "shared"


def layer_name(layer: int) -> str:
    """Name of the tensor with the displacements of one layer (from 1)."""
    return f"layer.{layer}"


def save_displacements(folder: Path, tensors: Mapping[str, torch.Tensor], encoded: Sequence[Encoded]) -> None:
    """Write the tensors [positions, width] by name, with the offsets of the examples, into a stage's folder."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file({**contiguous, "offsets": offsets_of(encoded)}, folder / NAME)


def read_displacements(
    folder: Path, examples: Sequence[Encoded], layers: Sequence[int]
) -> dict[int, torch.Tensor]:
    """Layer -> displacements [positions, width] of the examples, for the student's `layers`.

    Raises UserError if the folder has none of a layer.
    """
    tensors = Stored(folder / NAME, examples).tensors
    if SHARED in tensors:
        return dict.fromkeys(layers, tensors[SHARED])
    for layer in layers:
        if layer_name(layer) not in tensors:
            raise UserError(
                f"{folder / NAME}: found no displacements of layer {layer}, expected those of {layers}"
            )
    return {layer: tensors[layer_name(layer)] for layer in layers}


def scaled(displacement: torch.Tensor, own: torch.Tensor, rho: float) -> torch.Tensor:
    """rho |h|_mean d / |d|_mean for displacements d and states h, both [positions, width].

    The means are over positions, so that relative sizes of d between positions are kept: where student and teacher
    agree, the state hardly moves.
    """
    sizes = [rows.double().norm(dim=-1).mean() for rows in (own, displacement)]
    factor = float(rho * sizes[0] / sizes[1].clamp_min(NEGLIGIBLE))
    return factor * displacement
