"""The parts of a loaded model, and hooks that capture the outputs of its sublayers."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

import torch

from semalign.models.architectures import Architecture, architecture_of
from semalign.runtime.errors import UserError

Interface = Literal["mlp", "attention", "contribution", "block"]
INTERFACES: tuple[Interface, ...] = get_args(Interface)
States = dict[tuple[str, int], torch.Tensor]
WHOLE = ("embedding", "head")  # projections that a model has once, not once per layer


def facts_of(model: Any) -> Architecture:
    """The `Architecture` of a loaded model."""
    return architecture_of(type(model).__name__)


def layers_of(model: Any) -> Sequence[torch.nn.Module]:
    """The model's layers, shallowest first (layer k of the paper is index k - 1)."""
    layers: Sequence[torch.nn.Module] = model.get_submodule(facts_of(model).layers)
    return layers


@contextlib.contextmanager
def capture(model: Any, layers: Sequence[int], interfaces: Sequence[str]) -> Iterator[States]:
    """Collect sublayer outputs while the model runs.

    Yields a dict that each forward pass fills: (interface, layer) -> [examples, positions, width]. Layers are
    numbered from 1. The interfaces are `mlp` and `attention`, the sublayer's output before the residual
    addition (the paper's supervision interface); `contribution`, what the whole layer adds to the residual
    stream; and `block`, the layer's output.

    Raises UserError for an unknown interface or a layer that the model does not have.
    """
    modules = layers_of(model)
    unknown = set(interfaces) - set(INTERFACES)
    if unknown:
        raise UserError(f"interface: found {sorted(unknown)[0]!r}, expected one of {', '.join(INTERFACES)}")
    absent = [layer for layer in layers if not 1 <= layer <= len(modules)]
    if absent:
        raise UserError(f"layer: found {absent[0]}, expected a layer of the model, 1 to {len(modules)}")
    states: States = {}
    with contextlib.ExitStack() as hooks:
        for layer in layers:
            for interface in interfaces:
                handle = _hook(model, modules[layer - 1], interface, (interface, layer), states)
                hooks.callback(handle.remove)
        yield states


def _hook(model: Any, block: torch.nn.Module, interface: str, key: tuple[str, int], states: States) -> Any:
    """Register the hook of one interface of one layer."""

    def keep_output(_module: Any, _args: Any, _kwargs: Any, output: Any) -> None:
        states[key] = _tensor(output)

    def keep_difference(_module: Any, args: Any, kwargs: Any, output: Any) -> None:
        # architectures differ in whether a layer gets its states by position or by name
        states[key] = _tensor(output) - (args[0] if args else kwargs["hidden_states"])

    if interface == "block":
        return block.register_forward_hook(keep_output, with_kwargs=True)
    if interface == "contribution":
        return block.register_forward_hook(keep_difference, with_kwargs=True)
    name = getattr(facts_of(model), interface)
    return block.get_submodule(name).register_forward_hook(keep_output, with_kwargs=True)


def _tensor(output: Any) -> torch.Tensor:
    """A module's first output; the layers of some architectures return a tuple."""
    tensor: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return tensor


def adapted_modules(model: Any, layers: Sequence[int], projections: Sequence[str]) -> list[str]:
    """Full names of the modules that LoRA adapts: `projections` (up, down, v, o, ...) of `layers`.

    `embedding` and `head` are the model's own, independent of `layers`. Raises UserError for a projection that the
    architecture does not have as a separate module, or for an embedding that is tied to the head.
    """
    facts = facts_of(model)
    missing = [name for name in projections if name not in (*facts.projections, *WHOLE)]
    if missing:
        raise UserError(
            f"projection {missing[0]!r} can't be adapted in {type(model).__name__}; "
            f"expected some of {', '.join((*facts.projections, *WHOLE))}"
        )
    whole = [name for name in projections if name in WHOLE]
    if whole and model.config.tie_word_embeddings:
        raise UserError(
            f"projection {whole[0]!r} can't be adapted in {model.config.name_or_path or type(model).__name__}: its "
            "embedding and head are one matrix; expected a model that does not tie them"
        )
    inner = [name for name in projections if name not in WHOLE]
    blocks = [f"{facts.layers}.{layer - 1}.{facts.projections[name]}" for layer in layers for name in inner]
    return blocks + [_name_of(model, name) for name in whole]


def _name_of(model: Any, whole: str) -> str:
    """Full name of a loaded model's embedding or head; in files a head may have another name (GPT-NeoX)."""
    part = model.get_input_embeddings() if whole == "embedding" else model.get_output_embeddings()
    return next(name for name, module in model.named_modules() if module is part)
