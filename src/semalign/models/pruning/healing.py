"""Distillation of the teacher's next-token distributions and intermediate states into the pruned model.

The teacher runs alongside the student. Every document is read only once, so stored teacher outputs would be written
once and read once, and would be far larger than the models.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch, Encoded, collate
from semalign.config.optimisation import Optimisation
from semalign.config.pruning import Healing
from semalign.models.anatomy import capture, layers_of
from semalign.models.pruning.documents import draw_batches
from semalign.models.readout import head_logits
from semalign.training.checkpoint import Checkpoint
from semalign.training.loop import Budget, Record, train
from semalign.training.losses import keep_top, sparse_kl

Pairs = list[tuple[int, int]]


@dataclass(frozen=True)
class Cut:
    """A pruned model, and what it keeps of the teacher.

    `kept` are the teacher's layers (from 0) that the model has, `influence` each teacher layer's block influence,
    `directions` [teacher width, student width] the directions of the residual stream that it keeps (None: all).
    """

    model: Any
    kept: list[int]
    influence: list[float]
    directions: torch.Tensor | None


@dataclass(frozen=True)
class Documents:
    """The encoded text for healing, and the seed of its order."""

    encoded: Sequence[Encoded]
    pad_id: int
    seed: int


def heal(
    pruned: Cut, teacher: Any, documents: Documents, settings: Healing, label: str, checkpoint: Checkpoint
) -> list[Record]:
    """Train all weights of the pruned model in place; returns the training's history.

    An interrupted run resumes from `checkpoint` and gives the same bytes.
    """
    student = pruned.model
    encoded = documents.encoded
    lengths = [len(document.input_ids) for document in encoded]
    batches = draw_batches(lengths, settings.tokens, settings.batch_tokens, documents.seed)
    pairs = matched_layers(pruned.kept, len(layers_of(teacher)), settings.hidden_layers)
    directions = None if pruned.directions is None else pruned.directions.float().to(student.device)
    optimisation = Optimisation(
        learning_rate=settings.learning_rate,
        steps=len(batches),
        warmup=settings.warmup,
        schedule="linear",
    )
    student.train().requires_grad_(True)
    history = train(
        dict(student.named_parameters()),
        lambda step: collate([encoded[at] for at in batches[step]], documents.pad_id).to(student.device),
        lambda batch: terms(student, teacher, batch, pairs, directions, settings),
        Budget(len(batches), optimisation),
        label=label,
        checkpoint=checkpoint,
    )
    student.eval().requires_grad_(False)
    return history


def terms(
    student: Any, teacher: Any, batch: Batch, pairs: Pairs, directions: torch.Tensor | None, settings: Healing
) -> dict[str, torch.Tensor]:
    """The terms of the loss.

    `kl` is KL(teacher || student) in nats per token, over the teacher's likeliest tokens and the rest as one. `hidden`
    is the weighted mean distance of matched states.
    """
    with torch.no_grad():
        states, final = _run(teacher, batch, [layer for _, layer in pairs])
        logits = head_logits(teacher, final).float()
        top = keep_top(logits, torch.arange(logits.shape[-1], device=logits.device), settings.top_k)
    own, final = _run(student, batch, [layer for layer, _ in pairs])
    losses = {"kl": sparse_kl(head_logits(student, final), **top)}
    if settings.hidden_weight:
        distances = [
            normed_distance(own[layer], states[other] if directions is None else states[other] @ directions)
            for layer, other in pairs
        ]
        losses["hidden"] = settings.hidden_weight * torch.stack(distances).mean()
    return losses


def matched_layers(kept: Sequence[int], teacher_layers: int, count: int) -> Pairs:
    """Pairs (student layer, teacher layer), from 1: `count` of them evenly over the depth, including the last.

    A layer's output is matched with the teacher's state that enters the next kept layer, so the student's layer also
    replaces the layers that were removed between the two.
    """
    depth = len(kept)
    layers = sorted({round(depth * (at + 1) / count) for at in range(count)} - {0})
    return [(layer, kept[layer] if layer < depth else teacher_layers) for layer in layers]


def normed_distance(states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of states [tokens, width], each row divided by its own root mean square.

    Otherwise the few tokens with states a thousand times larger than the others' (mainly the first) would dominate the
    loss.
    """
    first, second = (
        rows * (rows.square().mean(-1, keepdim=True) + 1e-6).rsqrt() for rows in (states, targets)
    )
    return (first - second).square().mean()


def _run(model: Any, batch: Batch, layers: Sequence[int]) -> tuple[dict[int, torch.Tensor], torch.Tensor]:
    """Outputs of the layers, by number, and the input of the head, all [supervised positions, width]."""
    with capture(model, layers, ["block"]) as states:
        body = model.base_model(batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
    rows = {layer: states["block", layer][batch.supervised] for layer in layers}
    return rows, body.last_hidden_state[batch.supervised]
