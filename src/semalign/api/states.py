"""Hidden states of a model on examples, and a teacher's states mapped into the student's space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from semalign.api.checks import layer_numbers, whole
from semalign.api.cuts import Cuts, cuts_of
from semalign.api.inputs import Examples, Model, encoded_by, examples_of, loaded
from semalign.methods.displaced.training import evaluating
from semalign.models.anatomy import Interface, layers_of
from semalign.models.states import offsets_of, read_final_states, read_states
from semalign.runtime.errors import UserError
from semalign.signals.alignment import counterparts, map_states
from semalign.signals.pairing import LayerPair


@dataclass(frozen=True)
class LayerStates:
    """States at supervised positions: those that predict a token of an answer, or the eos after it.

    `layers` maps layers (from 1) to float32 tensors [positions, width] of the output that `interface` names; `final`
    [positions, width] are the states after the final norm, if they were read. Rows of example i are `offsets[i]` up to,
    not including, `offsets[i + 1]`; the first of them is the state after the whole prompt. `cuts` are the texts of the
    answers' tokens, by which `steer` notices other examples and other tokens.
    """

    layers: dict[int, Tensor]
    offsets: Tensor
    interface: str = "block"
    final: Tensor | None = None
    cuts: Cuts = ()


def collect_states(
    model: Model,
    examples: Examples,
    layers: Sequence[int] | Sequence[LayerPair] | None = None,
    *,
    interface: Interface = "block",
    final: bool = False,
    batch_size: int = 32,
) -> LayerStates:
    """Read a model's hidden states on examples (SemAlign, arXiv 2510.24208, "representation steering").

    Args:
        model: A folder, or `(model, tokenizer)`.
        examples: `(prompt, answer)` pairs, or `Example`s.
        layers: Layers to read, from 1, or pairs of layers, of which the teacher's are read. Default: all.
        interface: Output that is read: of the layer (`block`), of its `mlp` or `attention` before the residual
            addition, or what the layer adds to the residual stream (`contribution`). The paper does not say which.
        final: Read the states after the final norm, too (another pass).
        batch_size: Examples per forward pass; changes the states by rounding only.

    Raises UserError for a layer that the model does not have, and for an example without tokens.
    """
    speaker = loaded(model)
    items = examples_of(examples)
    encoded, pad_id = encoded_by(speaker.tokenizer, items)
    wanted = _wanted(layers, len(layers_of(speaker.model)), final)
    batch_size = whole("batch_size", batch_size)
    with evaluating(speaker.model):
        states = read_states(speaker.model, encoded, wanted, interface, batch_size, pad_id) if wanted else {}
        last = read_final_states(speaker.model, encoded, batch_size, pad_id) if final else None
    cuts = cuts_of(items, encoded, speaker.tokenizer)
    return LayerStates(states, offsets_of(encoded), interface, last, cuts)


def _wanted(layers: Sequence[int] | Sequence[LayerPair] | None, depth: int, final: bool) -> list[int]:
    """The numbers of the layers that a user means; none only if the final states are read."""
    if layers is None:
        return list(range(1, depth + 1))
    if final and layers == []:
        return []
    if isinstance(layers, list | tuple) and layers and all(isinstance(each, LayerPair) for each in layers):
        layers = layers_read(layers)
    return layer_numbers("layers", layers, depth)


def align_states(states: LayerStates, pairs: Sequence[LayerPair], matrix: Tensor) -> LayerStates:
    """SemAlign's targets M h / |h| of the paired student layers (arXiv 2510.24208, "latent semantic alignment").

    Args:
        states: The teacher's states at the paired layers.
        pairs: Result of `pair_layers`; two teacher layers are interpolated where it says so.
        matrix: Result of `teacher_to_student_map`, [student width, teacher width].

    Returns targets [positions, student width] in float32, by student layer; only their direction matters. Raises
    UserError for a layer without states, and if the widths differ.
    """
    missing = [layer for layer in layers_read(pairs) if layer not in states.layers]
    if missing:
        raise UserError(
            f"states: found none of layer {missing[0]}, expected those of all paired teacher layers"
        )
    width = next(iter(states.layers.values())).shape[1]
    if width != matrix.shape[1]:
        raise UserError(f"states: found width {width}, expected the {matrix.shape[1]} of the map")
    targets = {k: map_states(rows, matrix) for k, rows in counterparts(states.layers, pairs).items()}
    return LayerStates(targets, states.offsets, states.interface, cuts=states.cuts)


def layers_read(pairs: Sequence[LayerPair]) -> list[int]:
    """The teacher layers that the targets of pairs are made from."""
    return sorted({layer for pair in pairs for layer in (pair.below, pair.above)})
