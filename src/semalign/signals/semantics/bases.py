"""Semantic bases: one direction of the hidden space for each token of the vocabulary.

- Output side, as SemAlign uses them: the hidden vector whose logits are closest, in least squares, to the one-hot
  vector of token i. This is column i of pinv(H) for an LM head H of shape [V, D] (arXiv 2401.16184; SemAlign,
  arXiv 2510.24208, section "semantic bases").
- Input side, the paper's contrast: row i of the input embedding.
- Random: a control that is not in the paper.

The paper leaves open whether the final norm's gain belongs to the head. `fold_final_norm` multiplies column d of H by
gain d, so that the bases are directions of the residual stream before that gain is applied.

Rows that were never trained (`Head.rows`, see `semalign.models.untrained`) have no bases, and H is the head without
them.

Bases are streamed in chunks of `CHUNK` rows in float64, and maps never hold them as a whole. Row i is the basis of the
i-th requested token: the stacked chunks are S^T of shape [tokens, D] in the paper's notation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from semalign.runtime.errors import UserError

if TYPE_CHECKING:
    from semalign.models.loading import Head

BLOCK = 256  # columns of a Gram matrix that are computed at once
CHUNK = 512  # rows: larger chunks are no faster and take more memory than the Gram matrices


class Bases(Protocol):
    """A set of bases, one per token, that is streamed."""

    def chunks(self, tokens: Tensor | None = None) -> Iterator[Tensor]:
        """Yield float64 rows [at most CHUNK, D] for the token ids `tokens` [n] (None: all that have one, in order)."""
        ...


@dataclass(frozen=True)
class RowBases:
    """Bases made of the rows of a stored matrix: `(weight[i] * gain) @ transform`, scaled to unit length if `unit`.

    `weight` is [V, D] in any precision and is not copied. `gain` is [D] or None, `transform` [D, D] or None. `rows` are
    the ids of the rows that are bases (None: all).
    """

    weight: Tensor
    gain: Tensor | None
    transform: Tensor | None
    unit: bool
    rows: Tensor | None = None

    def chunks(self, tokens: Tensor | None = None) -> Iterator[Tensor]:
        for rows in stream(self.weight, self.gain, self.rows if tokens is None else tokens):
            rows = rows if self.transform is None else rows @ self.transform
            yield unit_rows(rows) if self.unit else rows


@dataclass(frozen=True)
class RandomBases:
    """Gaussian rows drawn in order from one seed. Row i goes with the i-th requested token, whichever that is."""

    tokens: int
    width: int
    unit: bool
    seed: int

    def chunks(self, tokens: Tensor | None = None) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(self.seed)
        total = self.tokens if tokens is None else len(tokens)
        for start in range(0, total, CHUNK):
            shape = (min(CHUNK, total - start), self.width)
            rows = torch.randn(shape, generator=generator, dtype=torch.float64)
            yield unit_rows(rows) if self.unit else rows


def stream(weight: Tensor, gain: Tensor | None = None, tokens: Tensor | None = None) -> Iterator[Tensor]:
    """Yield the rows `tokens` of `weight` [V, D] in float64, CHUNK at a time, with columns multiplied by `gain` [D]."""
    total = len(weight) if tokens is None else len(tokens)
    for start in range(0, total, CHUNK):
        end = min(start + CHUNK, total)
        rows = weight[start:end] if tokens is None else weight[tokens[start:end].to(weight.device)]
        rows = rows.to(torch.float64)
        yield rows if gain is None else rows * gain.to(rows)


def unit_rows(rows: Tensor) -> Tensor:
    """Scale each row of [n, D] to length 1; a row of zeros (an unused token) stays zero."""
    norms = rows.norm(dim=-1, keepdim=True)
    return rows / norms.clamp_min(torch.finfo(rows.dtype).tiny)


def inverse_gram(weight: Tensor, gain: Tensor | None = None, tokens: Tensor | None = None) -> Tensor:
    """(H^T H)^+, [D, D] in float64: row i of `H @ inverse_gram(H)` is column i of pinv(H).

    Accurate up to cond(H) of about 1e6. (`torch.linalg.pinv` in float32 silently drops directions if cond(H) exceeds
    about 1 / (V * eps).) Raises UserError if the head holds values that are not finite.
    """
    # H^T H is [D, D]; a decomposition of H itself would need several [V, D] matrices in float64.
    # The cost is that cond(H^T H) = cond(H)^2: float64 allows cond(H) up to about 1e6, float32 only 1e3.
    gram = _gram(weight, gain, tokens)
    if not torch.isfinite(gram).all():
        raise UserError("LM head: found values that are not finite, expected finite weights")
    # Cholesky is several times faster than an eigendecomposition, but for a head without full column rank it fails or
    # succeeds only through rounding errors. Both cases use eigenvalues instead, which leave out the missing directions.
    factor, failed = torch.linalg.cholesky_ex(gram)
    if failed or _nearly_singular(factor):
        return _spectral_inverse(gram)
    del gram  # frees memory for the inverse: half a gigabyte at D = 8192
    return torch.cholesky_inverse(factor)


def _gram(weight: Tensor, gain: Tensor | None, tokens: Tensor | None) -> Tensor:
    """H^T H [D, D] with a valid lower half, which is all that the decompositions read; the upper half is incomplete."""
    width = weight.shape[1]
    # column blocks from the diagonal down: half the work of the full product, without a second [D, D] matrix per chunk
    gram = torch.zeros(width, width, dtype=torch.float64, device=weight.device)
    for rows in stream(weight, gain, tokens):
        for start in range(0, width, BLOCK):
            block = slice(start, start + BLOCK)
            gram[start:, block].addmm_(rows[:, start:].T, rows[:, block])
    return gram


def _nearly_singular(factor: Tensor) -> bool:
    """Whether a Cholesky factorisation succeeded only through rounding errors (as with duplicate columns)."""
    pivots = factor.diagonal() ** 2
    return bool(pivots.min() <= _tolerance(factor) * pivots.max())


def _spectral_inverse(gram: Tensor) -> Tensor:
    """Pseudo-inverse by eigenvalues; eigenvalues below a relative tolerance count as zero."""
    values, vectors = torch.linalg.eigh(gram)
    keep = values > _tolerance(gram) * values.max()
    inverse = torch.where(keep, 1 / torch.where(keep, values, 1), 0)
    return (vectors * inverse) @ vectors.T


def _tolerance(matrix: Tensor) -> float:
    return len(matrix) * torch.finfo(matrix.dtype).eps


def output_bases(head: Head, *, fold_final_norm: bool = False, unit: bool = True, seed: int = 0) -> Bases:
    """Columns of pinv(H) for the trained rows H of the LM head (arXiv 2401.16184); `seed` is not used.

    SemAlign (arXiv 2510.24208) scales them to unit length (`unit`) and leaves open whether the final norm's gain is
    folded into H (`fold_final_norm`).
    """
    gain = head.norm_gain if fold_final_norm else None
    return RowBases(head.weight, gain, inverse_gram(head.weight, gain, head.rows), unit, head.rows)


def input_bases(head: Head, *, fold_final_norm: bool = False, unit: bool = True, seed: int = 0) -> Bases:
    """Trained rows of the input embedding; `fold_final_norm` scales their columns like those of the head.

    SemAlign (arXiv 2510.24208) uses them as a contrast to the output side. `seed` is not used.
    """
    gain = head.norm_gain if fold_final_norm else None
    return RowBases(head.input_embedding, gain, None, unit, head.input_rows)


def random_bases(head: Head, *, fold_final_norm: bool = False, unit: bool = True, seed: int = 0) -> Bases:
    """One Gaussian vector per trained row of the head; `fold_final_norm` is not used."""
    count = len(head.weight) if head.rows is None else len(head.rows)
    return RandomBases(count, head.weight.shape[1], unit, seed)


BASES: dict[str, Callable[..., Bases]] = {
    "output": output_bases,
    "input": input_bases,
    "random": random_bases,
}


def build_bases(
    name: str, head: Head, *, fold_final_norm: bool = False, unit: bool = True, seed: int = 0
) -> Bases:
    """The bases called `name`.

    Raises UserError for an unknown name.
    """
    if name not in BASES:
        raise UserError(f"bases: found {name!r}, expected one of {', '.join(BASES)}")
    return BASES[name](head, fold_final_norm=fold_final_norm, unit=unit, seed=seed)


def frame_operator(bases: Bases) -> Tensor:
    """K = S S^T, [D, D] in float64; K r is the sum of the projections of r onto all bases.

    SemAlign (arXiv 2510.24208, figure 2) compares r with K r. The bases are an overcomplete frame if V > D, so K is not
    the identity.
    """
    total: Tensor | None = None
    for rows in bases.chunks():
        product = rows.T @ rows
        total = product if total is None else total.add_(product)
    if total is None:
        raise ValueError("no bases to add up")
    return total
