"""Rebuilding a model in other sizes."""

import copy
from typing import Any

import torch

State = dict[str, torch.Tensor]
FEEDS = {"input_layernorm": ("q", "k", "v"), "post_attention_layernorm": ("gate", "up")}
"""The norms of a layer, and the projections that read each norm's output."""
WRITERS = ("o", "down")  # projections that write to the residual stream


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
