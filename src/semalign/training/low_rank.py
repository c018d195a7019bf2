"""LoRA that begins at given factors instead of at nothing (Seeking, PiSSA).

While it trains, the frozen base holds W - s B0 A0 and the adapter begins at B0 A0, where s = alpha / rank, so that
the first forward pass is the student's. Stored is one adapter of twice the rank on the untouched student: its
factors [-B0 | B1] and [A0 ; A1] at the same scale give the deployed weight W - s B0 A0 + s B1 A1.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from semalign.runtime.errors import UserError

ADAPTER = "default"  # what PEFT calls the only adapter of a model


class Factors(NamedTuple):
    """A product of low rank: `b` [out, rank] times `a` [rank, in]."""

    b: torch.Tensor
    a: torch.Tensor


Start = Mapping[str, Factors]  # full name of an adapted module -> where its adapter begins


def principal_factors(matrix: torch.Tensor, rank: int) -> Factors:
    """The best approximation of rank `rank` of `matrix` [out, in]: b = U_r Sigma_r, a = V_r^T, in float32.

    Sigma goes into b as a whole (Seeking's released code; PiSSA splits it). Computed in float64. A singular pair's
    sign is free: the largest entry of each right vector is made positive. Raises UserError when the rank is larger
    than a side of the matrix.
    """
    check_rank(rank, tuple(matrix.shape), "matrix")
    left, values, right = torch.linalg.svd(matrix.double(), full_matrices=False)
    a = right[:rank]
    signs = a.gather(1, a.abs().argmax(1, keepdim=True)).sign()  # [rank, 1]
    b = left[:, :rank] * values[:rank] * signs.squeeze(1)
    return Factors(b.float().contiguous(), (a * signs).float().contiguous())


def split_evenly(factors: Factors) -> Factors:
    """The same product with the root of every singular value in each factor; they are the norms of b's columns."""
    roots = factors.b.double().norm(dim=0).sqrt()
    b = factors.b / roots.clamp_min(torch.finfo(torch.float32).tiny)
    return Factors(b.float(), (factors.a * roots[:, None]).float())


def check_rank(rank: int, shape: tuple[int, ...], name: str) -> None:
    """Raises UserError when no `shape` [out, in] matrix has rank `rank`."""
    if rank > min(shape):
        raise UserError(
            f"lora.rank: found {rank}, expected at most {min(shape)}, the smaller side of {name} "
            f"({' x '.join(map(str, shape))})"
        )


@torch.no_grad()
def begin_at(adapted: Any, start: Start) -> None:
    """Set the adapter's factors to `start` and take their product out of the frozen weights, in place.

    Raises UserError when `start` has no factors for an adapted module, or of another shape.
    """
    for name, module in _adapted(adapted).items():
        if name not in start:
            raise UserError(f"{name}: no factors to begin at; expected those of every adapted matrix")
        b, a = _parameters(module)
        if (start[name].b.shape, start[name].a.shape) != (b.shape, a.shape):
            found, expected = (_shapes(pair) for pair in (start[name], Factors(b, a)))
            raise UserError(f"{name}: found factors of shape {found}, expected {expected}")
        b.copy_(start[name].b)
        a.copy_(start[name].a)
        module.get_base_layer().weight.sub_(module.get_delta_weight(ADAPTER))


@torch.no_grad()
def fold_start(adapted: Any, start: Start) -> None:
    """Turn a trained adapter into the one of twice the rank that belongs on the untouched student.

    The frozen weights in memory stay as they are: store the adapter after this, and run the model no more.
    """
    for name, module in _adapted(adapted).items():
        b, a = _parameters(module)
        b.data = torch.cat([-start[name].b.to(b), b], 1)
        a.data = torch.cat([start[name].a.to(a), a])
    for config in adapted.peft_config.values():
        config.r = 2 * config.r
        config.lora_alpha = 2 * config.lora_alpha


def _shapes(factors: Factors) -> str:
    return " and ".join(str(tuple(factor.shape)) for factor in factors)


def _adapted(adapted: Any) -> dict[str, Any]:
    """Full name -> module, of the modules that have an adapter."""
    from peft.tuners.lora import LoraLayer

    modules = adapted.base_model.model.named_modules()
    return {name: module for name, module in modules if isinstance(module, LoraLayer)}


def _parameters(module: Any) -> tuple[torch.nn.Parameter, torch.nn.Parameter]:
    """The factors [out, rank] and [rank, in] of one adapted matrix; an embedding's is transposed, [width, tokens]."""
    if ADAPTER in module.lora_embedding_A:
        return module.lora_embedding_B[ADAPTER], module.lora_embedding_A[ADAPTER]
    return module.lora_B[ADAPTER].weight, module.lora_A[ADAPTER].weight
