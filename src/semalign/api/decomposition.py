"""Semantic decomposition: the bases of a vocabulary, and a state's coefficients on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from semalign.api.checks import states_of, token_ids, whole
from semalign.api.heads import any_head
from semalign.api.inputs import Model
from semalign.models.loading import Head
from semalign.models.trained_head import Untrained
from semalign.runtime.errors import UserError
from semalign.signals.semantics.bases import Bases, build_bases
from semalign.signals.semantics.strength import coefficients, recompose_kept, strongest

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class TokenBases:
    """One direction of a hidden space [width] for each of the `tokens` [n] (ids of a vocabulary), in their order."""

    source: Bases
    tokens: Tensor

    def __len__(self) -> int:
        return len(self.tokens)

    def chunks(self) -> Iterator[Tensor]:
        """Yield the directions in float64, a few hundred rows [rows, width] at a time."""
        return self.source.chunks(self.tokens)

    def vectors(self) -> Tensor:
        """All directions, [n, width] in float64: S^T in the paper's notation."""
        return torch.cat(list(self.chunks()))


@dataclass(frozen=True)
class Decomposition:
    """What is left of each state: `coefficients` [positions, kept] in float64, largest in absolute value first.

    `tokens` [positions, kept] are the ids that they belong to, `places` the same as indices into the bases, of which
    there were `size`.
    """

    coefficients: Tensor
    places: Tensor
    tokens: Tensor
    size: int

    def words(self, tokenizer: PreTrainedTokenizerBase) -> list[list[tuple[str, float]]]:
        """Per position, the text of each token with its coefficient."""
        rows = zip(self.tokens.tolist(), self.coefficients.tolist(), strict=True)
        return [
            [(tokenizer.decode([token]), value) for token, value in zip(*row, strict=True)] for row in rows
        ]


def bases(
    head: Head | Tensor | PreTrainedModel | Model,
    kind: str = "output",
    *,
    tokens: Tensor | None = None,
    fold_final_norm: bool = False,
    unit: bool = True,
    untrained_rows: Untrained = "leave-out",
    seed: int = 0,
) -> TokenBases:
    """The semantic bases of a vocabulary (SemAlign, arXiv 2510.24208, "semantic bases"; arXiv 2401.16184).

    Args:
        head: A model (loaded, `(model, tokenizer)`, or its folder), a `Head`, or an LM head [vocabulary, width].
        kind: `output`: columns of the LM head's pseudoinverse, as the paper; `input`: rows of the embedding, its
            contrast; `random`: Gaussian vectors, a control that the paper does not have.
        tokens: Ids [n] of the tokens to use, in this order. Default: all that have a row.
        fold_final_norm: Multiply the head's columns by the final norm's gain first; the paper leaves it open.
        unit: Scale each direction to length 1, as the paper.
        untrained_rows: `leave-out` the rows that were never trained, or `keep` them; the paper does not mention them.
            Of a `Head` or a tensor all rows are kept.
        seed: Seed of random bases.

    Raises UserError for an unknown kind, for a head whose values are not finite, and for a token without a basis.
    """
    own = any_head(head, untrained_rows)
    source = build_bases(kind, own, fold_final_norm=fold_final_norm, unit=unit, seed=seed)
    rows = own.input_rows if kind == "input" else own.rows
    known = torch.arange(len(own.weight)) if rows is None else rows
    return TokenBases(source, known if tokens is None else token_ids(tokens, known))


def decompose(states: Tensor, bases: TokenBases, *, top: int | None = None) -> Decomposition:
    """The coefficients a = S^T h / |h| of states h (SemAlign, arXiv 2510.24208, "latent semantic alignment").

    A coefficient is the cosine of the state and a token's direction, from -1 to 1, if the bases have unit length.

    Args:
        states: Hidden states [positions, width], or one [width], in any precision; computed in float64.
        bases: Result of `bases` for the model of these states.
        top: Keep the coefficients that are largest in absolute value; the paper announces such an ablation without
            defining it. Default: all, which takes 24 bytes per position and token.

    Raises UserError if the widths differ, for states that are not finite, and if `top` is not a positive number.
    """
    states = states_of("states", states)
    width = next(bases.chunks()).shape[1]
    if states.shape[1] != width:
        raise UserError(f"states: found width {states.shape[1]}, expected the {width} of the bases")
    top = None if top is None else whole("top", top)
    if top is None:
        values = coefficients(states, bases.source, bases.tokens)
        places = torch.arange(len(bases)).expand(len(values), -1)
    else:
        values, places = strongest(states, bases.source, bases.tokens, top)
    order = values.abs().argsort(dim=1, descending=True, stable=True)
    places = places.gather(1, order)
    return Decomposition(values.gather(1, order), places, bases.tokens[places], len(bases))


def recompose(decomposition: Decomposition, bases: TokenBases) -> Tensor:
    """S a [positions, width] in float64: the states of another model, or of the same one, from their coefficients.

    Row i of these bases must belong to the same token as row i of those that the states were decomposed on: give both
    the ids of `shared_tokens`. (SemAlign, arXiv 2510.24208, "latent semantic alignment".) Raises UserError if there are
    not as many bases.
    """
    if len(bases) != decomposition.size:
        raise UserError(
            f"bases: found {len(bases)}, expected the {decomposition.size} of the decomposition; make both with the "
            "ids of shared_tokens"
        )
    return recompose_kept(decomposition.coefficients, decomposition.places, bases.source, bases.tokens)
