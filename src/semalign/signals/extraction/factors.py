"""Factors of a teacher's windows, from which the student's adapter starts, and the file that stores them."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from semalign.signals.extraction.matrices import Shape
from semalign.signals.extraction.windows import Window
from semalign.training.low_rank import Factors, principal_factors

FILE = "factors.safetensors"


def window_factors(matrix: torch.Tensor, window: Window, shape: Shape, rank: int) -> Factors:
    """The principal factors of a window of size `shape` in a teacher's `matrix` [rows, columns] (arXiv 2310.11451)."""
    rows = matrix.narrow(0, window.row, shape[0])
    factors = principal_factors(rows.narrow(1, window.column, shape[1]), rank)
    return Factors(factors.b.cpu(), factors.a.cpu())


def spread_tokens(factors: Factors, projection: str, tokens: torch.Tensor, vocabulary: int) -> Factors:
    """Scatter the factors of an embedding or a head from shared tokens to the student's `vocabulary`.

    `tokens` are the student's ids of the shared tokens; all other ids get zeros.
    """
    if projection == "embedding":
        a = factors.a.new_zeros(len(factors.a), vocabulary)
        return Factors(factors.b, a.index_copy(1, tokens, factors.a))
    b = factors.b.new_zeros(vocabulary, factors.b.shape[1])
    return Factors(b.index_copy(0, tokens, factors.b), factors.a)


def write_factors(folder: Path, factors: Mapping[str, Factors]) -> None:
    """Write float32 tensors `<student module>.b` [out, rank] and `<student module>.a` [rank, in]."""
    named = {
        f"{name}.{part}": tensor for name, pair in factors.items() for part, tensor in pair._asdict().items()
    }
    save_file({name: tensor.contiguous() for name, tensor in named.items()}, folder / FILE)


def read_factors(folder: Path) -> dict[str, Factors]:
    """Read the factors, by full name of the student's module."""
    tensors = load_file(folder / FILE)
    names = sorted({name.rpartition(".")[0] for name in tensors})
    return {name: Factors(tensors[f"{name}.b"], tensors[f"{name}.a"]) for name in names}
