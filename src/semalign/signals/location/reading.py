"""What every block did at one position, as far as LaTen's scores need it."""

import contextlib
from dataclasses import dataclass, field
from typing import Any

import torch

from semalign.models.anatomy import facts_of, layers_of
from semalign.runtime.errors import UserError
from semalign.signals.location.lens import norm_scale, working


@dataclass
class Block:
    """One block at the last position, tensors [width] unless said otherwise.

    `before` is the block's input, `attention` and `mlp` what the sublayers add to the residual stream. `heads`
    [heads * head dim] is the input of o, `neurons` [feed-forward width] that of down. `attention_factor` and
    `mlp_factor` are what a norm behind the sublayer (Gemma 3) multiplies with, its scale fixed at the whole
    output's, so that the parts still sum to the whole; one where there is no such norm.
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
    """One forward pass: the blocks, shallowest first, and the last block's output [width]."""

    blocks: list[Block]
    final: torch.Tensor


def read_example(model: Any, tokens: list[int], *, as_released: bool = False) -> Reading:
    """Feed `tokens` and read the last position.

    `as_released` keeps of an attention neuron only the term of the last key position, instead of the sum over
    positions that enters o.
    """
    facts = facts_of(model)
    blocks = [Block() for _ in layers_of(model)]
    final: list[torch.Tensor] = []
    if as_released:
        model.set_attn_implementation("eager")  # the others do not give the attention's weights
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
    """The rows of the matrix that computes values, for attention neurons (columns of o).

    Neuron (head, k) reads value (head // group, k) where heads share values. In a fused matrix every head has
    its queries, keys and values one after the other.
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
    """Heads times head dim: how many attention neurons a layer has."""
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
        if not inputs[1].startswith(f"{module}."):  # a norm stands between the sublayer and the stream
            _watch_norm(hooks, layer.get_submodule(module), facts.gain_offset, block, f"{name}_factor")


def _watch_norm(hooks: contextlib.ExitStack, norm: Any, offset: float, block: Block, name: str) -> None:
    if isinstance(norm, torch.nn.LayerNorm):
        raise UserError(f"LaTen: a LayerNorm behind a sublayer ({name}) is not supported; expected RMS norms")

    def keep(state: torch.Tensor) -> None:
        setattr(block, name, norm_scale(norm, state) * (working(norm.weight) + offset))

    _before(hooks, norm, keep)


def _watch_last_key(hooks: contextlib.ExitStack, model: Any, layer: Any, block: Block) -> None:
    """Overwrite `block.heads` with the last key position's term: its weight times its value."""
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
    """Give the last position of what enters a module to `keep`."""

    def hook(_module: Any, args: Any, kwargs: Any) -> None:
        keep(working((args[0] if args else kwargs["hidden_states"])[0, -1]))

    hooks.callback(module.register_forward_pre_hook(hook, with_kwargs=True).remove)


def _after(hooks: contextlib.ExitStack, module: Any, keep: Any) -> None:
    """Give the last position of what leaves a module to `keep`."""

    def hook(_module: Any, _args: Any, output: Any) -> None:
        keep(working((output[0] if isinstance(output, tuple) else output)[0, -1]))

    hooks.callback(module.register_forward_hook(hook).remove)
