"""The models that can be pruned and the possible sizes, and rebuilding a model in other sizes."""

import copy
from typing import Any

import torch

from semalign.config.pruning import PrunedModel
from semalign.models.architectures import ARCHITECTURES, Architecture
from semalign.runtime.errors import UserError

State = dict[str, torch.Tensor]
FEEDS = {"input_layernorm": ("q", "k", "v"), "post_attention_layernorm": ("gate", "up")}
"""The norms of a layer, and the projections that read each norm's output."""
WRITERS = ("o", "down")  # projections that write to the residual stream


def check_sizes(config: dict[str, Any], settings: PrunedModel) -> None:
    """Check that a model with this config.json can be pruned to these sizes.

    Raises UserError, in one line, for an architecture other than Llama's (gated feed-forward network, RMS
    norms before the sublayers), a size above the teacher's, or a width that is not a multiple of the number of
    attention heads, which transformers refuses to load.
    """
    kind = config["architectures"][0]
    fit = [name for name, facts in ARCHITECTURES.items() if facts == Architecture()]
    if kind not in fit:
        raise UserError(
            f"pruning: teacher {settings.teacher}: found {kind}, expected one of {', '.join(fit)}"
        )
    sizes = {"layers": "num_hidden_layers", "feed_forward": "intermediate_size", "width": "hidden_size"}
    for name, key in sizes.items():
        wanted = getattr(settings, name)
        if wanted is not None and wanted > config[key]:
            raise UserError(f"pruning: {name}: found {wanted}, expected at most the teacher's {config[key]}")
    heads = config["num_attention_heads"]
    if settings.width is not None and settings.width % heads:
        below = settings.width // heads * heads
        near = [width for width in (below, below + heads) if 0 < width <= config["hidden_size"]]
        raise UserError(
            f"pruning: width: found {settings.width}, expected a multiple of the teacher's {heads} attention heads "
            f"({' or '.join(map(str, near))})"
        )


def resized(model: Any, state: State, **changes: Any) -> Any:
    """A new model of the same class, with `changes` in its configuration and the weights `state`."""
    config = copy.deepcopy(model.config)
    # Without an explicit head_dim a changed width would change the size of the heads.
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    for key, value in {"head_dim": head_dim, **changes}.items():
        setattr(config, key, value)
    # initialising the weights, which are replaced below, must not advance the global random state
    with torch.random.fork_rng(devices=[]):
        fresh = type(model)(config)
    fresh.load_state_dict(state)
    fresh.generation_config = model.generation_config
    return fresh.to(model.device).eval().requires_grad_(False)
