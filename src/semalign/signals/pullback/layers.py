"""Solve the pullback of every paired layer over a split, in batches of examples of similar length."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch, Encoded, collate, like_lengths
from semalign.config.displacements import Pullback
from semalign.models.anatomy import capture
from semalign.models.states import Rows, stop_after
from semalign.runtime.errors import UserError
from semalign.signals.distillation.states import TeacherStates
from semalign.signals.pullback.solver import Problem, describe, means_of, solve
from semalign.training.taught import spread

logger = logging.getLogger("semalign")
REPORT_SECONDS = 10.0


@dataclass(frozen=True)
class Solved:
    """Displacements [positions, width] of one layer in float32, and the means of its MEASURES."""

    displacements: torch.Tensor
    measures: dict[str, float]


def solve_layers(
    model: Any,
    encoded: Sequence[Encoded],
    pad_id: int,
    layers: Sequence[int],
    teacher: TeacherStates,
    settings: Pullback,
) -> dict[int, Solved]:
    """Solve each of the student's `layers` by itself, with all other layers as they are.

    The layers up to the deepest of them run once per example. Raises UserError if the student's own divergence from
    the teacher is not finite.
    """
    kept = {layer: Rows(encoded) for layer in layers}
    measured: dict[int, list[torch.Tensor]] = {layer: [] for layer in layers}
    vocabulary = len(model.get_output_embeddings().weight)
    progress = _Progress(len(encoded))
    for indices in like_lengths(encoded, settings.batch_size):
        batch = collate([encoded[i] for i in indices], pad_id).to(model.device)
        taught = spread(teacher.log_probs(indices), teacher.ids, vocabulary).to(model.device)
        states = read_blocks(model, batch, layers)
        for layer in layers:
            problem = Problem(model, layer, batch, states[layer], taught)
            delta = solve(problem, settings)
            kept[layer].put(indices, delta.float().cpu())
            measured[layer].append(_checked(layer, describe(problem, delta)))
        progress.report(len(indices))
    return {layer: Solved(kept[layer].tensor, means_of(measured[layer])) for layer in layers}


def read_blocks(model: Any, batch: Batch, layers: Sequence[int]) -> dict[int, torch.Tensor]:
    """Layer -> block outputs [examples, positions, width] of a batch; no layer above the deepest one runs."""
    with torch.no_grad(), capture(model, layers, ["block"]) as states, stop_after(model, max(layers)):
        model.base_model(batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
    return {layer: states["block", layer] for layer in layers}


def _checked(layer: int, measures: torch.Tensor) -> torch.Tensor:
    """The measures [positions, 4]; raises UserError if the divergence before the solve is not finite."""
    before = measures[:, 0]
    if not before.isfinite().all():
        raise UserError(
            f"pullback: student layer {layer}: found {before[~before.isfinite()][0].item()} as the divergence from the "
            "teacher, expected a finite number"
        )
    return measures


class _Progress:
    """Logs how many examples are solved, every ten seconds."""

    def __init__(self, examples: int) -> None:
        self.examples, self.done = examples, 0
        self.start = self.last = time.monotonic()

    def report(self, more: int) -> None:
        """Count `more` examples, and log them if the last message is ten seconds old."""
        self.done += more
        now = time.monotonic()
        if now - self.last < REPORT_SECONDS:
            return
        self.last = now
        left = (now - self.start) / self.done * (self.examples - self.done)
        percent = 100 * self.done // self.examples
        message = "pullback: example %d/%d (%d %%), %.0f s left"
        logger.info(message, self.done, self.examples, percent, left)
