"""Pruning channels of feed-forward networks: the channels that contribute most are kept and compensate for the rest."""

from collections.abc import Sequence
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch
from semalign.models.anatomy import facts_of, layers_of
from semalign.models.pruning.calibration import Moment, observe, refit
from semalign.models.pruning.rebuilding import State, resized

RIDGE = 1e-4


def keep_channels(model: Any, batches: Sequence[Batch], count: int, ridge: float = RIDGE) -> Any:
    """The model with `count` channels in every feed-forward network, the down-projections refitted."""
    facts = facts_of(model)
    names = [f"{facts.layers}.{layer}." for layer in range(len(layers_of(model)))]
    moments = {name: Moment() for name in names}
    observe(model, batches, {n + facts.projections["down"]: _gram(moments[n]) for n in names})
    state = dict(model.state_dict())
    for name in names:
        _cut(state, name, facts.projections, moments[name].mean, count, ridge)
    return resized(model, state, intermediate_size=count)


def importance(gram: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
    """Root mean square of each channel's activation times the norm of its column of the down-projection.

    `gram` [channels, channels] is E[a a^T] of the activations, `down` [width, channels].
    """
    return gram.diagonal().clamp_min(0).sqrt() * down.double().norm(dim=0)


def refit_down(down: torch.Tensor, gram: torch.Tensor, kept: torch.Tensor, ridge: float) -> torch.Tensor:
    """The down-projection [width, kept] of the kept channels that best reproduces the output of all channels."""
    # Channels correlate, so the kept ones can replace part of the others' output; E[y a_kept^T] = down E[a a_kept^T].
    whole = down.double()
    cross = whole @ gram[:, kept]
    return refit(cross, gram[kept][:, kept], whole[:, kept], ridge)


def _cut(
    state: State, layer: str, projections: dict[str, str], gram: torch.Tensor, count: int, ridge: float
) -> None:
    """Cut one layer's three matrices in `state`, and their biases, if any."""
    down = f"{layer}{projections['down']}.weight"
    order = importance(gram, state[down]).argsort(descending=True, stable=True)
    kept = order[:count].sort().values
    state[down] = refit_down(state[down], gram, kept, ridge).to(state[down].dtype)
    for name in ("gate", "up"):
        for part in ("weight", "bias"):
            key = f"{layer}{projections[name]}.{part}"
            if key in state:
                state[key] = state[key][kept]


def _gram(moment: Moment) -> Any:
    return lambda activations, _written: moment.add(activations, activations)
