"""LoRA that starts from given factors B0 A0 instead of zero (Seeking, arXiv 2310.11451; PiSSA, arXiv 2404.02948).

During training, the frozen weights are W - s B0 A0 with s = alpha / rank, and the adapter starts from B0 A0, so that
the first forward pass equals the student's. The saved adapter has twice the rank and belongs on the untouched student:
its factors [-B0 | B1] and [A0 ; A1], at the same scale, give the deployed weight W - s B0 A0 + s B1 A1.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from semalign.runtime.errors import UserError

ADAPTER = "default"  # PEFT's name for a model's only adapter


class Factors(NamedTuple):
    """Factors of a low-rank product: `b` [out, rank] times `a` [rank, in]."""

    b: torch.Tensor
    a: torch.Tensor


Start = Mapping[str, Factors]  # full name of an adapted module -> initial factors of its adapter


def principal_factors(matrix: torch.Tensor, rank: int) -> Factors:
    """The best approximation of rank `rank` of `matrix` [out, in]: b = U_r Sigma_r, a = V_r^T, in float32.

    All of Sigma goes into b, as in Seeking's released code (arXiv 2310.11451); for PiSSA see `split_evenly`. Computed
    in float64. The sign of a singular pair is arbitrary; here, the largest entry of each right vector is made positive.
    Raises UserError if the rank exceeds a side of the matrix.
    """
    check_rank(rank, tuple(matrix.shape), "matrix")
    left, values, right = torch.linalg.svd(matrix.double(), full_matrices=False)
    a = right[:rank]
    signs = a.gather(1, a.abs().argmax(1, keepdim=True)).sign()  # [rank, 1]
    b = left[:, :rank] * values[:rank] * signs.squeeze(1)
    return Factors(b.float().contiguous(), (a * signs).float().contiguous())


def split_evenly(factors: Factors) -> Factors:
    """Split the singular values evenly between the factors of `principal_factors`, as in PiSSA (arXiv 2404.02948).

    The singular values are the norms of b's columns; each factor gets their square roots. The product is unchanged.
    """
    roots = factors.b.double().norm(dim=0).sqrt()
    b = factors.b / roots.clamp_min(torch.finfo(torch.float32).tiny)
    return Factors(b.float(), (factors.a * roots[:, None]).float())


def check_rank(rank: int, shape: tuple[int, ...], name: str) -> None:
    """Raise UserError if no matrix of `shape` [out, in] has rank `rank`; `name` is the matrix's name in the message."""
    if rank > min(shape):
        raise UserError(
            f"lora.rank: found {rank}, expected at most {min(shape)}, the smaller side of {name} "
            f"({' x '.join(map(str, shape))})"
        )


@torch.no_grad()
def begin_at(adapted: Any, start: Start) -> None:
    """Set the adapter's factors to `start` and subtract their scaled product from the frozen weights, in place.

    Raises UserError if `start` has no factors for an adapted module, or factors of another shape.
    """
    for name, module in _adapted(adapted).items():
        if name not in start:
            raise UserError(f"{name}: found no initial factors, expected some for every adapted matrix")
        b, a = _parameters(module)
        if (start[name].b.shape, start[name].a.shape) != (b.shape, a.shape):
            found, expected = (_shapes(pair) for pair in (start[name], Factors(b, a)))
            raise UserError(f"{name}: found factors of shape {found}, expected {expected}")
        b.copy_(start[name].b)
        a.copy_(start[name].a)
        module.get_base_layer().weight.sub_(module.get_delta_weight(ADAPTER))


@torch.no_grad()
def fold_start(adapted: Any, start: Start) -> None:
    """Turn a trained adapter into one of twice the rank that belongs on the untouched student.

    The frozen weights in memory do not change, so the model must not be run after this; only save the adapter.
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
    """The modules that have an adapter, by full name."""
    from peft.tuners.lora import LoraLayer

    modules = adapted.base_model.model.named_modules()
    return {name: module for name, module in modules if isinstance(module, LoraLayer)}


def _parameters(module: Any) -> tuple[torch.nn.Parameter, torch.nn.Parameter]:
    """The factors [out, rank] and [rank, in] of an adapted matrix; for an embedding, it is [width, tokens]."""
    if ADAPTER in module.lora_embedding_A:
        return module.lora_embedding_B[ADAPTER], module.lora_embedding_A[ADAPTER]
    return module.lora_B[ADAPTER].weight, module.lora_A[ADAPTER].weight
