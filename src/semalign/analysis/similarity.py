"""Linear centred kernel alignment (CKA) between the layers of two models (paper Figures 4 to 6).

Kornblith et al. 2019 (arXiv 1905.00414) for CKA; the debiased form replaces HSIC by the unbiased estimator of
Song et al. 2012, as in Nguyen et al. 2021 (arXiv 2010.15327): plain CKA of unrelated states grows with width
over positions, the debiased one stays near zero. The paper does not say which it shows; both are given.

With centred states X [positions, D], the Gram matrix X X^T is centred, and its rows add up to zero. So every
sum that either estimator needs comes from <K, L> (the sum of products of two Gram matrices) and the two
diagonals. Gram matrices are formed a block of rows at a time and never held as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

import pandas as pd
import torch
from torch import Tensor

from semalign.errors import UserError

BLOCK_BYTES = 256 << 20
MINIMUM_POSITIONS = 4


def linear_cka(left: Tensor, right: Tensor) -> float:
    """Linear CKA of two sets of states [positions, width] at the same token positions."""
    return float(cka_matrices([left], [right])[0][0, 0])


def debiased_cka(left: Tensor, right: Tensor) -> float:
    """Linear CKA with the unbiased HSIC; may fall slightly below zero."""
    return float(cka_matrices([left], [right])[1][0, 0])


def cka_matrices(left: Sequence[Tensor], right: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """(plain, debiased) CKA of every left with every right layer, [left layers, right layers] in float64.

    Each layer is [positions, width]; widths may differ, positions may not. A layer whose states are all the
    same has no CKA (not a number). Raises UserError for fewer than four positions or unequal numbers of them.
    """
    plain, debiased = _all_pairs([*left, *right])
    return plain[: len(left), len(left) :], debiased[: len(left), len(left) :]


def _all_pairs(layers: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    lengths = sorted({len(states) for states in layers})
    if len(lengths) != 1 or lengths[0] < MINIMUM_POSITIONS:
        raise UserError(f"CKA: found {lengths} positions, expected one number, {MINIMUM_POSITIONS} or more")
    products = _gram_products(layers)
    diagonals = torch.stack([(_centre(states) ** 2).sum(dim=1) for states in layers])
    return _normalise(products), _normalise(_unbiased(products, diagonals, lengths[0]))


def _centre(states: Tensor) -> Tensor:
    states = states.to(torch.float64)
    return states - states.mean(dim=0)


def _gram_products(layers: Sequence[Tensor]) -> Tensor:
    """<K_a, K_b> for all pairs of layers, [layers, layers]."""
    count = len(layers[0])
    rows = max(1, BLOCK_BYTES // (8 * count * len(layers)))
    products = torch.zeros(len(layers), len(layers), dtype=torch.float64)
    for start in range(0, count, rows):
        block = torch.stack([_gram_rows(_centre(states), start, start + rows) for states in layers])
        products += block @ block.T
    return products


def _gram_rows(centred: Tensor, start: int, end: int) -> Tensor:
    """Rows start to end of X X^T, one after the other."""
    return (centred[start:end] @ centred.T).flatten()


def _unbiased(products: Tensor, diagonals: Tensor, count: int) -> Tensor:
    """Unbiased HSIC times n (n - 3), of Gram matrices whose rows add up to zero.

    Without its diagonal such a matrix has the row sums -diagonal, so that the estimator's three terms need
    the products, the diagonals and the traces alone.
    """
    crossed = diagonals @ diagonals.T
    traces = diagonals.sum(dim=1)
    total = torch.outer(traces, traces) / ((count - 1) * (count - 2))
    return products - crossed + total - 2 / (count - 2) * crossed


def _normalise(hsic: Tensor) -> Tensor:
    """HSIC(a, b) / sqrt(HSIC(a, a) HSIC(b, b)) for all pairs."""
    own = hsic.diagonal().clamp_min(0).sqrt()
    return hsic / torch.outer(own, own)


def compare_models(states: Mapping[str, Sequence[Tensor]], pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Tidy rows: comparison, left, right, left_layer, right_layer (from 1), cka, cka_debiased.

    `states` holds each model's layers, shallowest first, all at the same token positions.
    """
    plain, debiased = _all_pairs([layer for layers in states.values() for layer in layers])
    ends = list(accumulate(len(layers) for layers in states.values()))
    starts = dict(zip(states, [0, *ends], strict=False))
    return pd.DataFrame(
        {
            "comparison": f"{left}~{right}",
            "left": left,
            "right": right,
            "left_layer": i + 1,
            "right_layer": j + 1,
            "cka": float(plain[starts[left] + i, starts[right] + j]),
            "cka_debiased": float(debiased[starts[left] + i, starts[right] + j]),
        }
        for left, right in pairs
        for i in range(len(states[left]))
        for j in range(len(states[right]))
    )
