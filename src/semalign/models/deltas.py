"""Additions to rows or columns of weight matrices: storing them, applying them by hooks, adding them to the weights.

`delta.safetensors` holds for each module `<module>.dim` (0 for rows, 1 for columns), `<module>.indices` and
`<module>.values` (float32).
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from semalign.runtime.errors import UserError

FILE = "delta.safetensors"


@dataclass(frozen=True)
class Delta:
    """An addition to the weight [out, in] of the linear layer `module`.

    `indices` [n] are distinct rows if `dim` is 0, columns if it is 1; `values` are [n, in] or [out, n].
    """

    module: str
    dim: int
    indices: torch.Tensor
    values: torch.Tensor


def save_deltas(deltas: Sequence[Delta], folder: Path) -> None:
    """Write the deltas of all modules as one file."""
    tensors = {}
    for delta in deltas:
        tensors[f"{delta.module}.dim"] = torch.tensor(delta.dim)
        tensors[f"{delta.module}.indices"] = delta.indices.cpu().int()
        tensors[f"{delta.module}.values"] = delta.values.detach().cpu().float().contiguous()
    save_file(tensors, folder / FILE)


def read_deltas(folder: Path | str) -> list[Delta]:
    """Read what `save_deltas` wrote; raises UserError if the file is missing or not a delta."""
    path = Path(folder) / FILE
    try:
        tensors = load_file(path)
        modules = [name.removesuffix(".dim") for name in sorted(tensors) if name.endswith(".dim")]
        return [
            Delta(
                module,
                int(tensors[f"{module}.dim"]),
                tensors[f"{module}.indices"].long(),
                tensors[f"{module}.values"],
            )
            for module in modules
        ]
    except (OSError, SafetensorError, KeyError) as error:
        raise UserError(f"{path}: not a readable delta ({error})") from None


def add_deltas(model: Any, deltas: Sequence[Delta]) -> None:
    """Add to the weights in place; the sum is computed in float32 and rounded to the model's type once.

    Raises UserError if a module does not exist or a delta does not fit its weight.
    """
    with torch.no_grad():
        for delta in deltas:
            weight = _weight(model, delta)
            indices = delta.indices.to(weight.device)
            values = delta.values.to(weight.device, torch.promote_types(weight.dtype, torch.float32))
            total = weight.index_select(delta.dim, indices).to(values.dtype) + values
            weight.index_copy_(delta.dim, indices, total.to(weight.dtype))


@contextlib.contextmanager
def alongside(model: Any, deltas: Sequence[Delta]) -> Iterator[None]:
    """Let the model compute with the additions while the context is open.

    The weights do not change, and gradients reach `values`.
    """
    with contextlib.ExitStack() as hooks:
        for delta in deltas:
            module = model.get_submodule(delta.module)
            hooks.callback(module.register_forward_hook(_hook(delta)).remove)
        yield


def _hook(delta: Delta) -> Any:
    """The hook of one delta: for rows it adds x values^T to the output's `indices`, for columns x[indices] values^T."""

    def add_rows(_module: Any, args: Any, output: torch.Tensor) -> torch.Tensor:
        return output.index_add(-1, delta.indices, args[0] @ delta.values.T.to(args[0].dtype))

    def add_columns(_module: Any, args: Any, output: torch.Tensor) -> torch.Tensor:
        inputs = args[0].index_select(-1, delta.indices)
        return output + inputs @ delta.values.T.to(inputs.dtype)

    return add_columns if delta.dim else add_rows


def _weight(model: Any, delta: Delta) -> torch.Tensor:
    try:
        weight: torch.Tensor = model.get_submodule(delta.module).weight
    except AttributeError:
        raise UserError(f"{FILE}: module {delta.module!r} is not in {type(model).__name__}") from None
    expected = list(weight.shape)
    expected[delta.dim] = len(delta.indices)
    outside = (
        len(delta.indices)
        and not 0 <= int(delta.indices.min()) <= int(delta.indices.max()) < weight.shape[delta.dim]
    )
    if list(delta.values.shape) != expected or outside:
        raise UserError(
            f"{FILE}: {delta.module} has values {list(delta.values.shape)}, expected {expected} within a weight "
            f"{list(weight.shape)}; does the delta belong to another student?"
        )
    return weight
