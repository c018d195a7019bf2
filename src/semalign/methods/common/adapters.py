"""LoRA adapters in PEFT's format: made, trained and stored."""

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
from semalign.training.loop import Budget, Portions, train
from semalign.training.schedule import epoch_batches, total_steps

Loss = Callable[[Any, Batch, list[int]], dict[str, torch.Tensor]]


@dataclass(frozen=True)
class Work:
    """The student in memory and the encoded examples that it is trained on."""

    model: Any
    examples: list[Encoded]
    pad_id: int


@dataclass(frozen=True)
class Training:
    """How an adapter is trained.

    `updates` are those of a longer training that this one is a part of: they have its batches and its numbers in the
    history, and a schedule of their own. What enters the lowest adapted layer is computed once per example if that
    takes at most `room` bytes (see `prefix`).
    """

    settings: Optimisation
    seed: int
    label: str = "train"
    checkpoint: Checkpoint | None = None
    updates: range | None = None
    room: int = ROOM

    def span(self, examples: int) -> range:
        """The updates, numbered as in the whole training."""
        return range(total_steps(examples, self.settings)) if self.updates is None else self.updates


@dataclass(frozen=True)
class Trained:
    """Result of a training: its curve and how many parameters it moved."""

    history: list[dict[str, float]]
    trainable_parameters: int


def adapt(model: Any, layers: Sequence[int], settings: Lora, seed: int) -> Any:
    """Put LoRA on the named projections of `layers`; all else stays frozen.

    Returns the PEFT model; its `base_model.model` is `model` with the adapted modules in place.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=adapted_modules(model, layers, settings.projections),
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def train_adapter(
    work: Work, loss: Loss, training: Training, extra: torch.nn.Module | None = None
) -> Trained:
    """Train what requires a gradient of the student at work, which are its adapter's factors.

    `loss(model, batch, indices)` gives named terms for the examples `indices` of `work`. The parameters of `extra`
    are trained, counted, clipped and checkpointed with the factors.
    """
    parameters = {name: p for name, p in work.model.named_parameters() if p.requires_grad}
    if extra is not None:
        parameters |= {f"extra.{name}": p for name, p in extra.named_parameters()}
    settings = training.settings
    order = epoch_batches(len(work.examples), settings.batch_size, training.seed)
    span = training.span(len(work.examples))
    at_once = settings.micro_batch or settings.batch_size
    visits = len(span) * settings.batch_size
    prefix = frozen_prefix(work.model, work.examples, at_once, work.pad_id, visits, training.room)
    with prefix as visit, torch.random.fork_rng():
        torch.manual_seed(training.seed)
        history = train(
            parameters,
            lambda step: order(span[step]),
            _terms(work, loss, visit),
            Budget(len(span), settings),
            label=training.label,
            checkpoint=training.checkpoint,
            portions=portions_of(work.examples, settings.micro_batch) if settings.micro_batch else None,
        )
    history = [{**row, "step": span.start + row["step"]} for row in history]
    return Trained(history, sum(p.numel() for p in parameters.values()))


def _terms(work: Work, loss: Loss, visit: Visit) -> Callable[[list[int]], dict[str, torch.Tensor]]:
    """The loss of a batch that is named by its examples' indices."""

    def terms(indices: list[int]) -> dict[str, torch.Tensor]:
        batch = collate([work.examples[i] for i in indices], work.pad_id).to(work.model.device)
        with visit(batch, indices):
            return loss(work.model, batch, indices)

    return terms


def portions_of(encoded: Sequence[Encoded], size: int) -> Portions[list[int]]:
    """The function that cuts a batch's indices into portions of `size` examples, each with its share of the positions.

    Losses are means over supervised positions, so a portion weighs as many as it has. Examples of like length go
    together, which saves padding.
    """

    def cut(indices: list[int]) -> list[tuple[float, list[int]]]:
        ordered = sorted(indices, key=lambda i: len(encoded[i].input_ids))
        parts = [ordered[start : start + size] for start in range(0, len(ordered), size)]
        counts = [sum(len(encoded[i].input_ids) - encoded[i].answer_start for i in part) for part in parts]
        return [(count / sum(counts), part) for count, part in zip(counts, parts, strict=True)]

    return cut


def save_adapter(adapted: Any, folder: Path, base: str) -> None:
    """Write PEFT's two files; `base` is the name of the student that the adapter belongs to.

    PEFT's own saving renders a model card too, which takes longer than the rest, and looks the base up on the hub.
    """
    from peft import get_peft_model_state_dict

    (config,) = adapted.peft_config.values()
    config.base_model_name_or_path = base
    config.inference_mode = True
    # a set has no order of its own: sort, so that the same run gives the same bytes
    config.target_modules = sorted(config.target_modules)
    config.save_pretrained(folder)
    state = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    tensors = {name: tensor.contiguous() for name, tensor in sorted(state.items())}
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
