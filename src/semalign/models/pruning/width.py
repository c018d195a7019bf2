"""Pruning the width of the residual stream, after SliceGPT (arXiv 2401.15024).

One rotation for the whole model keeps the stream's main directions, and every matrix that reads the stream is refitted
to its former input.

First the norms' gains are folded into the matrices that follow them. A norm without a gain commutes with a rotation, so
at full width nothing changes. After the cut, a norm divides by another root mean square, which differs by token. No
matrix can undo that, which is why the matrices that read the stream are refitted on data. The head gets its own map
like every such matrix, so it is untied from the embedding.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch
from semalign.models.anatomy import facts_of, layers_of
from semalign.models.pruning.calibration import Moment, Observer, observe, refit
from semalign.models.pruning.rebuilding import FEEDS, WRITERS, State, resized

RIDGE = 1e-4


def narrow(
    model: Any, batches: Sequence[Batch], width: int, ridge: float = RIDGE
) -> tuple[Any, torch.Tensor]:
    """Cut a model to `width`; also returns the directions [teacher width, width] of the stream that it keeps."""
    folded = fold_norms(model)
    directions = principal_directions(folded, batches, width)
    readers = reader_maps(folded, batches, directions, ridge)
    weights = _rotated(folded, directions, readers)
    return resized(model, weights, hidden_size=width, tie_word_embeddings=False), directions


def fold_norms(model: Any) -> Any:
    """The same function with every norm's gain 1: gains are folded into the matrices that read the norm's output."""
    facts = facts_of(model)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for norm, readers in _norms(model):
        gain = state[f"{norm}.weight"].double()
        for reader in readers:
            weight = state[f"{reader}.weight"]
            state[f"{reader}.weight"] = (weight.double() * gain).to(weight.dtype)
        state[f"{norm}.weight"] = torch.ones_like(state[f"{norm}.weight"])
    state.setdefault(f"{facts.head}.weight", state[f"{facts.embedding}.weight"])
    return resized(model, state, tie_word_embeddings=False)


def principal_directions(folded: Any, batches: Sequence[Batch], width: int) -> torch.Tensor:
    """The `width` main directions [teacher width, width] of the normed states of all norms together.

    Orthonormal columns in float64, the largest first: the eigenvectors of the mean of E[n n^T] over the norms. States
    are not centred, because the model has no bias that could add the mean back.
    """
    moment = Moment()
    # After the norms, not in the stream: every matrix reads normed states, and in the stream a few tokens with states a
    # thousand times larger would determine the directions.
    observe(
        folded, batches, {norm: lambda _, normed: moment.add(normed, normed) for norm, _ in _norms(folded)}
    )
    # the eigenvalues are in ascending order
    _, vectors = torch.linalg.eigh(moment.mean)
    return vectors.flip(1)[:, :width].contiguous()


def reader_maps(
    folded: Any, batches: Sequence[Batch], directions: torch.Tensor, ridge: float
) -> dict[str, torch.Tensor]:
    """For every norm, the map T [teacher width, width] from the narrow normed state to the full one, float64.

    All matrices W that read one norm share its least-squares fit: W T is the best matrix for each of them.
    """
    moments = {norm: (Moment(), Moment()) for norm, _ in _norms(folded)}
    eps = folded.config.rms_norm_eps
    observe(folded, batches, {norm: _pairs(directions, eps, *both) for norm, both in moments.items()})
    return {norm: refit(cross.mean, gram.mean, directions, ridge) for norm, (cross, gram) in moments.items()}


def _pairs(directions: torch.Tensor, eps: float, cross: Moment, gram: Moment) -> Observer:
    """An observer that adds a norm's output, and its future output in the narrow stream, to the moments."""

    def add(states: torch.Tensor, normed: torch.Tensor) -> None:
        short = states.double() @ directions.to(states.device)
        short = short * (short.square().mean(-1, keepdim=True) + eps).rsqrt()
        cross.add(normed, short)
        gram.add(short, short)

    return add


def _rotated(folded: Any, directions: torch.Tensor, readers: dict[str, torch.Tensor]) -> State:
    """The folded model's weights for the narrow stream."""
    facts = facts_of(folded)
    state = dict(folded.state_dict())
    # Matrices that write to the stream (embedding, o, down) are rotated into the kept directions. Matrices that read
    # from it are multiplied by their norm's fitted map instead, which also compensates for the norm's new divisor and
    # for the directions that were cut.
    embedding = f"{facts.embedding}.weight"
    state[embedding] = _product(state[embedding], directions)
    for norm, names in _norms(folded):
        state[f"{norm}.weight"] = torch.ones(directions.shape[1], dtype=state[f"{norm}.weight"].dtype)
        for reader in names:
            state[f"{reader}.weight"] = _product(state[f"{reader}.weight"], readers[norm])
    for layer in range(len(layers_of(folded))):
        for name in WRITERS:
            key = f"{facts.layers}.{layer}.{facts.projections[name]}"
            state[f"{key}.weight"] = _product(directions.T, state[f"{key}.weight"])
            if f"{key}.bias" in state:
                state[f"{key}.bias"] = _product(directions.T, state[f"{key}.bias"])
    return state


def _norms(model: Any) -> Iterator[tuple[str, list[str]]]:
    """Every norm of the residual stream, with the matrices that read its output."""
    facts = facts_of(model)
    for layer in range(len(layers_of(model))):
        for norm, readers in FEEDS.items():
            at = f"{facts.layers}.{layer}"
            yield f"{at}.{norm}", [f"{at}.{facts.projections[name]}" for name in readers]
    yield facts.final_norm, [facts.head]


def _product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """left @ right, computed in float64 and returned in float32 like all weights."""
    return (left.double().cpu() @ right.double().cpu()).float()
