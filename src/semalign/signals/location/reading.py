"""Activations of every block at one position, as needed for LaTen's scores."""

import contextlib
from dataclasses import dataclass, field
from typing import Any

import torch

from semalign.models.anatomy import facts_of, layers_of
from semalign.runtime.errors import UserError
from semalign.signals.location.lens import norm_scale, working


@dataclass
class Block:
    """One block's activations at the last position; tensors are [width] unless stated otherwise.

    `before` is the block's input; `attention` and `mlp` are what the sublayers add to the residual stream. `heads`
    [heads * head dim] is the input of o, `neurons` [feed-forward width] the input of down.

    If a norm follows a sublayer (Gemma 3), `attention_factor` and `mlp_factor` are the factors by which it multiplies,
    with its scale fixed to that of the whole output, so that the parts still add up to the whole. Otherwise they are 1.
    """

    before: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    attention: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    mlp: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    heads: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    neurons: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    attention_factor: torch.Tensor = field(default_factory=lambda: torch.ones(1))
    mlp_factor: torch.Tensor = field(default_factory=lambda: torch.ones(1))


@dataclass(frozen=True)
class Reading:
    """Result of one forward pass: the blocks, shallowest first, and the last block's output [width]."""

    blocks: list[Block]
    final: torch.Tensor


def read_example(model: Any, tokens: list[int], *, as_released: bool = False) -> Reading:
    """Run `tokens` through the model and read the last position.

    With `as_released`, the activation of an attention neuron is only the term of the last key position, as in LaTen's
    released code, instead of the sum over positions that enters o.
    """
    facts = facts_of(model)
    blocks = [Block() for _ in layers_of(model)]
    final: list[torch.Tensor] = []
    if as_released:
        model.set_attn_implementation("eager")  # other implementations do not return attention weights
    with contextlib.ExitStack() as hooks, torch.no_grad():
        for block, layer in zip(blocks, layers_of(model), strict=True):
            _watch(hooks, model, layer, block)
            if as_released:
                _watch_last_key(hooks, model, layer, block)
        norm = model.get_submodule(facts.final_norm)
        _before(hooks, norm, lambda state: final.append(state))
        model.base_model(torch.tensor([tokens], device=model.device), use_cache=False)
    return Reading(blocks, final[0])


def value_rows(model: Any, neurons: torch.Tensor) -> torch.Tensor:
    """Rows of the value matrix that attention neurons (columns of o) read.

    If heads share values, neuron (head, k) reads value (head // group, k). In a fused matrix, the queries, keys and
    values of each head are adjacent.
    """
    heads = model.config.num_attention_heads
    size = attention_width(model) // heads
    head, k = neurons // size, neurons % size
    if "v" in facts_of(model).fused:
        _, place = facts_of(model).fused["v"]
        return (head * len(facts_of(model).fused) + place) * size + k
    shared = getattr(model.config, "num_key_value_heads", None) or heads
    return head // (heads // shared) * size + k


def attention_width(model: Any) -> int:
    """Number of attention neurons per layer: heads * head dim."""
    module = layers_of(model)[0].get_submodule(facts_of(model).projections["o"])
    return int(module.in_features)  # type: ignore[arg-type]


def _watch(hooks: contextlib.ExitStack, model: Any, layer: Any, block: Block) -> None:
    """Fill `block` while the layer runs."""
    facts = facts_of(model)
    parts = facts.projections
    _before(hooks, layer, lambda state: setattr(block, "before", state))
    for name, module, inputs in (
        ("attention", facts.attention, ("heads", parts["o"])),
        ("mlp", facts.mlp, ("neurons", parts["down"])),
    ):
        _after(hooks, layer.get_submodule(module), _keep(block, name))
        _before(hooks, layer.get_submodule(inputs[1]), _keep(block, inputs[0]))
        if not inputs[1].startswith(
            f"{module}."
        ):  # `module` is then a norm between the sublayer and the stream
            _watch_norm(hooks, layer.get_submodule(module), facts.gain_offset, block, f"{name}_factor")


def _watch_norm(hooks: contextlib.ExitStack, norm: Any, offset: float, block: Block, name: str) -> None:
    if isinstance(norm, torch.nn.LayerNorm):
        raise UserError(f"LaTen: found a LayerNorm after a sublayer ({name}), expected an RMS norm")

    def keep(state: torch.Tensor) -> None:
        setattr(block, name, norm_scale(norm, state) * (working(norm.weight) + offset))

    _before(hooks, norm, keep)


def _watch_last_key(hooks: contextlib.ExitStack, model: Any, layer: Any, block: Block) -> None:
    """Overwrite `block.heads` with the last key position's term, its attention weight times its value."""
    facts = facts_of(model)
    values: list[torch.Tensor] = []
    _after(hooks, layer.get_submodule(facts.value), lambda state: values.append(state))

    def keep(_module: Any, _args: Any, output: Any) -> None:
        weights = working(output[1][0, :, -1, -1])
        neurons = torch.arange(attention_width(model), device=weights.device)
        size = len(neurons) // len(weights)
        block.heads = weights.repeat_interleave(size) * values[0][value_rows(model, neurons)]

    attention = layer.get_submodule(facts.projections["o"].rpartition(".")[0])
    hooks.callback(attention.register_forward_hook(keep).remove)


def _keep(block: Block, name: str) -> Any:
    return lambda state: setattr(block, name, state)


def _before(hooks: contextlib.ExitStack, module: Any, keep: Any) -> None:
    """Call `keep` with the last position of a module's input."""

    def hook(_module: Any, args: Any, kwargs: Any) -> None:
        keep(working((args[0] if args else kwargs["hidden_states"])[0, -1]))

    hooks.callback(module.register_forward_pre_hook(hook, with_kwargs=True).remove)


def _after(hooks: contextlib.ExitStack, module: Any, keep: Any) -> None:
    """Call `keep` with the last position of a module's output."""

    def hook(_module: Any, _args: Any, output: Any) -> None:
        keep(working((output[0] if isinstance(output, tuple) else output)[0, -1]))

    hooks.callback(module.register_forward_hook(hook).remove)
