"""Linear centred kernel alignment (CKA) of states at the same token positions.

CKA is defined by Kornblith et al. 2019 (arXiv 1905.00414). The debiased form replaces HSIC by the unbiased estimator
of Song et al. 2012, as in Nguyen et al. 2021 (arXiv 2010.15327). The plain CKA of unrelated states grows with the
ratio of width to positions; the debiased CKA stays near zero.

With centred states X [positions, D], the rows of the Gram matrix X X^T add up to zero. Both estimators then need
only <K, L> (the sum over the elementwise product of two Gram matrices) and the two diagonals. Gram matrices are formed
one block of rows at a time and never held as a whole. If positions far outnumber channels, no Gram matrix is formed:
<X X^T, Y Y^T> is the sum of the squares of X^T Y.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from semalign.runtime.errors import UserError

BLOCK_BYTES = 256 << 20
MINIMUM_POSITIONS = 4


def linear_cka(left: Tensor, right: Tensor) -> float:
    """Linear CKA (arXiv 1905.00414) of two sets of states [positions, width] at the same token positions."""
    return float(cka_matrices([left], [right])[0][0, 0])


def debiased_cka(left: Tensor, right: Tensor) -> float:
    """Linear CKA with the unbiased HSIC (as in arXiv 2010.15327); it may be slightly below zero."""
    return float(cka_matrices([left], [right])[1][0, 0])


def cka_matrices(left: Sequence[Tensor], right: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """(plain, debiased) CKA of every left with every right layer, [left layers, right layers] in float64.

    Each layer is [positions, width]. Widths may differ; positions must be the same. CKA is NaN for a layer whose states
    are all equal. Raises UserError for fewer than four positions or for different numbers of positions.
    """
    plain, debiased = all_pairs([*left, *right])
    return plain[: len(left), len(left) :], debiased[: len(left), len(left) :]


def all_pairs(layers: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """(plain, debiased) CKA of every layer with every layer, [layers, layers]; see `cka_matrices`."""
    lengths = sorted({len(states) for states in layers})
    if len(lengths) != 1 or lengths[0] < MINIMUM_POSITIONS:
        raise UserError(f"CKA: found {lengths} positions, expected one number, {MINIMUM_POSITIONS} or more")
    products = _channel_products(layers) if _many_positions(layers) else _gram_products(layers)
    return cka_of_products(products, torch.stack([gram_diagonal(_centre(states)) for states in layers]))


def cka_of_products(products: Tensor, diagonals: Tensor) -> tuple[Tensor, Tensor]:
    """(plain, debiased) CKA, [layers, layers], from sums over the Gram matrices K of centred states.

    `products` holds <K_a, K_b> for all pairs of layers, `diagonals` the diagonals [layers, positions].
    """
    return _normalise(products), _normalise(_unbiased(products, diagonals, diagonals.shape[1]))


def gram_diagonal(centred: Tensor) -> Tensor:
    """Diagonal [positions] of X X^T for centred states X [positions, width]."""
    return (centred**2).sum(dim=1)


def _centre(states: Tensor) -> Tensor:
    states = states.to(torch.float64)
    return states - states.mean(dim=0)


def _many_positions(layers: Sequence[Tensor]) -> bool:
    """Whether products of channels take fewer operations than products of positions."""
    channels = sum(states.shape[1] for states in layers)
    return channels**2 < 2 * len(layers[0]) * (channels + len(layers) ** 2)


def _channel_products(layers: Sequence[Tensor]) -> Tensor:
    """<K_a, K_b> for all pairs of layers, [layers, layers], with two layers in float64 at a time."""
    products = torch.zeros(len(layers), len(layers), dtype=torch.float64)
    for a, states in enumerate(layers):
        left = _centre(states).T
        for b in range(a, len(layers)):
            products[a, b] = products[b, a] = (left @ _centre(layers[b])).square().sum()
    return products


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
    """Rows `start` to `end` of X X^T, concatenated."""
    return (centred[start:end] @ centred.T).flatten()


def _unbiased(products: Tensor, diagonals: Tensor, count: int) -> Tensor:
    """Unbiased HSIC times n (n - 3), for Gram matrices whose rows add up to zero (Song et al. 2012).

    Without its diagonal, such a matrix has the row sums -diagonal. The estimator's three terms therefore need only
    the products, the diagonals and the traces.
    """
    crossed = diagonals @ diagonals.T
    traces = diagonals.sum(dim=1)
    total = torch.outer(traces, traces) / ((count - 1) * (count - 2))
    return products - crossed + total - 2 / (count - 2) * crossed


def _normalise(hsic: Tensor) -> Tensor:
    """HSIC(a, b) / sqrt(HSIC(a, a) HSIC(b, b)) for all pairs."""
    norms = hsic.diagonal().clamp_min(0).sqrt()
    return hsic / torch.outer(norms, norms)
