"""Training of an adapter that moves a student's states towards targets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch

from semalign.api.checks import whole
from semalign.api.cuts import Cuts, check_same, cuts_of
from semalign.api.inputs import Examples, Model, encoded_by, examples_of, loaded, section_of
from semalign.api.states import LayerStates
from semalign.benchmarks.base import Example
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.common.adapters import Training, Work, adapt, train_adapter
from semalign.methods.common.targets import HeldTargets
from semalign.methods.semalign import SemAlign
from semalign.methods.semalign.steering import steering_loss
from semalign.models.anatomy import layers_of
from semalign.models.states import offsets_of
from semalign.runtime.errors import UserError

if TYPE_CHECKING:
    from peft import PeftModel


@dataclass(frozen=True)
class Steered:
    """A steered student: its PEFT `model`, frozen and in evaluation mode, and how the training went.

    `history` has the step, the learning rate and each loss term in about a hundred rows.
    """

    model: PeftModel
    history: list[dict[str, float]]
    trainable_parameters: int


def steer(
    student: Model,
    examples: Examples,
    targets: LayerStates,
    *,
    layers: Literal["paired", "all"] = "paired",
    label_loss: Literal["none", "cosine-logits", "cosine-probabilities", "cross-entropy"] = "none",
    layer_loss_weight: float = 1.0,
    label_loss_weight: float = 1.0,
    lora: Lora | dict[str, Any] | None = None,
    optimisation: Optimisation | dict[str, Any] | None = None,
    seed: int = 0,
) -> Steered:
    """Train a LoRA adapter until a student's states are near targets (SemAlign, arXiv 2510.24208, "steering").

    Loss of a batch = layer_loss_weight * (1 - mean cosine of states and targets, mean over the layers)
    + label_loss_weight * the loss on the answers. The paper's label loss is `cosine-logits`, with both weights 1; the
    default here is none. Without one, nothing above the deepest layer with targets runs. The teacher is not needed.

    Args:
        student: Model folder, or `(model, tokenizer)`. A given model is changed in place: PEFT puts the adapter into
            it.
        examples: Those that the targets were made for, in the same order.
        targets: Result of `align_states` or `residual_targets`.
        layers: Layers that are adapted: those with targets, or all.
        label_loss: Loss on the final logits.
        layer_loss_weight: Weight of the layer loss.
        label_loss_weight: Weight of the loss on the answers.
        lora: Keys of `methods.<name>.lora`, such as `{"rank": 8}`.
        optimisation: Keys of `methods.<name>.optimisation`, such as `{"epochs": 10, "learning_rate": 3e-3}`.
        seed: Seed of the adapter's initial factors and of the order of examples.

    Raises UserError for wrong keys, targets of other examples or of another width, a model that has an adapter already,
    and a loss that is not finite.
    """
    values: dict[str, Any] = {
        "label_loss": label_loss,
        "layers": layers,
        "label_loss_weight": label_loss_weight,
    }
    values |= {"layer_loss_weight": layer_loss_weight, "lora": section_of(Lora, "lora", lora)}
    values["optimisation"] = section_of(Optimisation, "optimisation", optimisation)
    settings, seed = section_of(SemAlign, "steer", values), whole("seed", seed, 0)
    items = examples_of(examples)
    work, cuts = _work(student, items, settings)
    _check(work, cuts, targets)
    steered = sorted(targets.layers)
    adapted = list(range(1, len(layers_of(work.model)) + 1)) if layers == "all" else steered
    held = HeldTargets(targets.layers, targets.offsets)
    loss = steering_loss(settings, held, targets.interface, steered)
    with _deterministic():
        model = adapt(work.model, adapted, settings.lora, seed)
        trained = train_adapter(work, loss, Training(settings.optimisation, seed, "steer"))
    return Steered(model.eval().requires_grad_(False), trained.history, trained.trainable_parameters)


def _work(student: Model, examples: Sequence[Example], settings: SemAlign) -> tuple[Work, Cuts]:
    """What is trained, and how the student cuts the answers."""
    if settings.optimisation.examples is not None:
        raise UserError("optimisation.examples: found a number, expected none; give fewer examples instead")
    if isinstance(student, tuple) and _adapted(student[0]):
        raise UserError(
            "student: found a model with an adapter, expected one without (`model.merge_and_unload()`)"
        )
    speaker = loaded(student)
    encoded, pad_id = encoded_by(speaker.tokenizer, examples)
    return Work(speaker.model, encoded, pad_id), cuts_of(examples, encoded, speaker.tokenizer)


def _adapted(model: torch.nn.Module) -> bool:
    return any("lora_" in name for name, _ in model.named_parameters())


def _check(work: Work, cuts: Cuts, targets: LayerStates) -> None:
    """Raise UserError if the targets are not those of the examples, or not of the student's width."""
    if not isinstance(targets, LayerStates):
        raise UserError(
            f"targets: found {type(targets).__name__}, expected what align_states or residual_targets returns"
        )
    offsets = offsets_of(work.examples)
    if not torch.equal(offsets, targets.offsets):
        raise UserError(
            f"targets: found {int(targets.offsets[-1])} positions of {len(targets.offsets) - 1} examples, expected "
            f"{int(offsets[-1])} of {len(work.examples)}; do teacher and student tokenise alike?"
        )
    if targets.cuts:
        check_same(targets.cuts, cuts, ("the targets", "the student"))
    width = work.model.config.hidden_size
    for layer, rows in targets.layers.items():
        if rows.shape[1] != width:
            raise UserError(
                f"targets: layer {layer}: found width {rows.shape[1]}, expected the student's {width}"
            )


@contextlib.contextmanager
def _deterministic() -> Iterator[None]:
    """Algorithms that give the same bytes again, as in a study; the setting is restored."""
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
