"""Create, train and save LoRA adapters in PEFT's format."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from semalign.benchmarks.encoding import Batch, Encoded, collate
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.common.prefix import ROOM, Visit, frozen_prefix
from semalign.models.anatomy import adapted_modules
from semalign.training.checkpoint import Checkpoint
from semalign.training.loop import Budget, Portions, Size, train
from semalign.training.schedule import epoch_batches, total_steps

Loss = Callable[[Any, Batch, list[int]], dict[str, torch.Tensor]]


@dataclass(frozen=True)
class Work:
    """The loaded student and the encoded examples that it is trained on."""

    model: Any
    examples: list[Encoded]
    pad_id: int


@dataclass(frozen=True)
class Training:
    """How an adapter is trained.

    If this training is a phase of a longer one, `updates` is the range of the longer training's updates that it covers:
    batches and step numbers are those of the longer training, but the learning-rate schedule covers only this phase.
    The inputs of the lowest adapted layer are computed once per example if they take at most `room` bytes (see
    `prefix`).
    """

    settings: Optimisation
    seed: int
    label: str = "train"
    checkpoint: Checkpoint | None = None
    updates: range | None = None
    room: int = ROOM

    def span(self, examples: int) -> range:
        """The updates of this training, numbered as in the longer training if it is a phase of one."""
        return range(total_steps(examples, self.settings)) if self.updates is None else self.updates


@dataclass(frozen=True)
class Trained:
    """Result of a training run: its history and the number of trained parameters."""

    history: list[dict[str, float]]
    trainable_parameters: int


def adapt(model: Any, layers: Sequence[int], settings: Lora, seed: int) -> Any:
    """Add LoRA to the projections of `layers` that the settings name; all other parameters are frozen.

    Returns the PEFT model. Its `base_model.model` is `model`, with its modules replaced in place.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=adapted_modules(model, layers, settings.projections),
        task_type="CAUSAL_LM",
    )
    # PEFT draws the initial factors from the global generator; forking keeps the caller's random state unchanged
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def train_adapter(
    work: Work, loss: Loss, training: Training, extra: torch.nn.Module | None = None
) -> Trained:
    """Train the student's parameters that require gradients, which are the adapter's factors.

    `loss(model, batch, indices)` returns named loss terms for the examples `indices` of `work`. The parameters of
    `extra` are trained, counted, clipped and checkpointed together with the factors.
    """
    parameters = {name: p for name, p in work.model.named_parameters() if p.requires_grad}
    if extra is not None:
        parameters |= {f"extra.{name}": p for name, p in extra.named_parameters()}
    settings = training.settings
    order = epoch_batches(len(work.examples), settings.batch_size, training.seed)
    span = training.span(len(work.examples))
    at_once = settings.micro_batch or settings.batch_size
    visits = len(span) * settings.batch_size
    portions = portions_of(work.examples, settings.micro_batch) if settings.micro_batch else None
    prefix = frozen_prefix(work.model, work.examples, at_once, work.pad_id, visits, training.room)
    # Seeded here for dropout, the only random part of the loop (batches have their own generator, see `epoch_batches`);
    # a resumed training restores the generator's state from its checkpoint.
    with prefix as visit, torch.random.fork_rng():
        torch.manual_seed(training.seed)
        history = train(
            parameters,
            lambda step: order(span[step]),
            _terms(work, loss, visit),
            Budget(len(span), settings),
            label=training.label,
            checkpoint=training.checkpoint,
            portions=portions,
            size=_size_of(work.examples, portions),
        )
    history = [{**row, "step": span.start + row["step"]} for row in history]
    return Trained(history, sum(p.numel() for p in parameters.values()))


def _terms(work: Work, loss: Loss, visit: Visit) -> Callable[[list[int]], dict[str, torch.Tensor]]:
    """The loss of a batch as a function of its examples' indices."""

    def terms(indices: list[int]) -> dict[str, torch.Tensor]:
        batch = collate([work.examples[i] for i in indices], work.pad_id).to(work.model.device)
        with visit(batch, indices):
            return loss(work.model, batch, indices)

    return terms


def portions_of(encoded: Sequence[Encoded], size: int) -> Portions[list[int]]:
    """Return a function that splits a batch's indices into portions of `size` examples, with weights that add up to 1.

    A portion's weight is its share of the batch's supervised positions, because losses are means over these. Examples
    of similar length are put together, which saves padding.
    """

    def cut(indices: list[int]) -> list[tuple[float, list[int]]]:
        ordered = sorted(indices, key=lambda i: len(encoded[i].input_ids))
        parts = [ordered[start : start + size] for start in range(0, len(ordered), size)]
        counts = [sum(encoded[i].positions for i in part) for part in parts]
        return [(count / sum(counts), part) for count, part in zip(counts, parts, strict=True)]

    return cut


def _size_of(encoded: Sequence[Encoded], portions: Portions[list[int]] | None) -> Size[list[int]]:
    """What an update's operations are linear in: padded tokens, the same times their length, supervised positions.

    Matrices of the model are multiplied with every token, tokens of an example with each other in attention, and the
    head with supervised positions.
    """

    def size(indices: list[int]) -> list[float]:
        parts = [part for _, part in portions(indices)] if portions else [indices]
        lengths = [max(len(encoded[i].input_ids) for i in part) for part in parts]
        tokens = [len(part) * length for part, length in zip(parts, lengths, strict=True)]
        squares = sum(count * length for count, length in zip(tokens, lengths, strict=True))
        supervised = sum(encoded[i].positions for i in indices)
        return [sum(tokens), squares, supervised]

    return size


def save_adapter(adapted: Any, folder: Path, base: str) -> None:
    """Write PEFT's two files; `base` is the name of the student that the adapter belongs to.

    PEFT's `save_pretrained` is not used, because it also renders a model card, which takes longer than the rest, and
    looks up the base model on the hub.
    """
    from peft import get_peft_model_state_dict

    (config,) = adapted.peft_config.values()
    config.base_model_name_or_path = base
    config.inference_mode = True
    # a set, sorted so that the same run writes the same bytes
    config.target_modules = sorted(config.target_modules)
    config.save_pretrained(folder)
    state = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    tensors = {name: tensor.contiguous() for name, tensor in sorted(state.items())}
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
