"""LaTen's alignment (arXiv 2505.14436): hypernetworks learn additions to the student from the teacher's neurons.

There is one hypernetwork for each of up, down, v and o, shared by layers and neurons. Each update uses one extract
example: the slices that it locates in both models, and a batch of it and some align examples. The student stays frozen.
During training the hypernetworks' outputs run alongside its weights; at the end they are added to the weights, and no
training follows.

This follows the authors' released code except for its errors. Details that the code leaves unclear are read as follows:
the 1e-5 of the initial weights is a standard deviation; the shrinkage counts once per example, like the cross-entropy;
every text starts with the tokenizer's bos token; gradients are not clipped.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from semalign.benchmarks.encoding import IGNORED, Batch, Encoded, collate
from semalign.config.base import Split
from semalign.config.optimisation import Optimisation
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.laten import Laten
from semalign.methods.laten.hypernetwork import Hypernetwork, one_cycle
from semalign.methods.laten.injection import KINDS, TeacherNeurons, check_injection, deltas_of
from semalign.models.anatomy import facts_of
from semalign.models.deltas import Delta, alongside, save_deltas
from semalign.models.loading import load_model, read_shape
from semalign.models.states import encode_split
from semalign.models.transfers import write_transfer
from semalign.runtime.errors import UserError
from semalign.runtime.files import write_json
from semalign.signals.location.stored import Locations
from semalign.training.checkpoint import Checkpoint
from semalign.training.loop import Budget, train

BETA2 = 0.95
EVERY = 10  # updates between two checkpoints; writing one takes as long as a batch of long examples
POSITIONS = 1024  # padded positions per forward pass of the student: one long example, or several short ones


def align_and_inject(task: TransferTask[Laten], folder: Path) -> TransferReport:
    """Train the hypernetworks, write the deltas of the final location, and check the model that evaluation loads."""
    locations = Locations.read(task.signals["location"])
    aligner = Aligner(task, locations)
    history = aligner.run()
    deltas = aligner.final()
    trained = sum(parameter.numel() for parameter in aligner.parameters().values())
    del aligner  # frees its student, since the check loads two more
    save_deltas(deltas, folder)
    write_transfer(folder, "delta")
    write_json(folder / "delta.json", check_injection(task.student, task.teacher, folder, deltas))
    return TransferReport(trained, locations.teacher_passes, history)


class Aligner:
    """The frozen student and the hypernetworks that learn what to add to it."""

    def __init__(self, task: TransferTask[Laten], locations: Locations) -> None:
        self.task = task
        self.settings = task.settings
        self.locations = locations
        self.model = load_model(task.student)
        self.device = self.model.device
        self.teacher = TeacherNeurons(task.teacher, locations.parts["teacher"])
        self.extract, self.align = (self._encode(split) for split in ("extract", "align"))
        self.order = np.random.default_rng(task.seed).permutation(len(self.extract)).tolist()
        self._check()
        widths = read_shape(task.teacher).width, read_shape(task.student).width
        generator = torch.Generator().manual_seed(task.seed)
        self.networks = {
            kind: Hypernetwork(*widths, self.settings.initial_deviation, generator).to(self.device)
            for kind in KINDS
        }

    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """All trained parameters, by name."""
        return {
            f"{kind}.{name}": parameter
            for kind, network in self.networks.items()
            for name, parameter in network.named_parameters()
        }

    def run(self) -> list[dict[str, float]]:
        """Train the hypernetworks without gradient clipping, one extract example per update; return the history."""
        settings = self.settings.optimisation
        steps = settings.steps or len(self.extract)
        optimisation = Optimisation(
            learning_rate=settings.learning_rate,
            steps=steps,
            weight_decay=settings.weight_decay,
            beta2=BETA2,
        ).model_copy(update={"clip_norm": math.inf})
        schedule = one_cycle(settings.learning_rate, max(steps, len(self.extract)))
        return train(
            self.parameters(),
            self.batch,
            self.loss,
            Budget(steps, optimisation, schedule),
            label=self.task.label,
            checkpoint=Checkpoint(self.task.checkpoint, EVERY, self.task.identity),
            size=size_of,
        )

    def batch(self, step: int) -> tuple[int, list[Encoded]]:
        """The index of an update's extract example, and its batch: that example and some align examples."""
        index = self.order[step % len(self.order)]
        # The step is the seed, as in the released code. A resumed training thus draws the same align examples, and so
        # do all seeds of a study.
        drawn = np.random.default_rng(step).choice(len(self.align), self.settings.align_batch, replace=False)
        return index, [self.extract[index], *(self.align[i] for i in drawn.tolist())]

    def loss(self, work: tuple[int, list[Encoded]]) -> dict[str, torch.Tensor]:
        """Mean cross-entropy per example and the shrinkage, both summed (not averaged) over the batch's examples."""
        index, batch = work
        additions = self.additions(index)
        squares = torch.stack([values.square().mean() for values in additions.values()]).sum()
        return {
            "cross_entropy": self._cross_entropy(self.deltas(index, additions), batch),
            "shrinkage": len(batch) * self.settings.shrinkage * squares,
        }

    def additions(self, row: int) -> dict[str, torch.Tensor]:
        """The hypernetworks' outputs for a located example's slices: [layers, neurons, student width] by kind."""
        return {
            kind: network(self.teacher.read(kind, row).to(self.device))
            for kind, network in self.networks.items()
        }

    def deltas(self, row: int, additions: dict[str, torch.Tensor]) -> list[Delta]:
        """Deltas that put the additions at the rows and columns located in the student."""
        return deltas_of(facts_of(self.model), self.locations.parts["student"], row, additions)

    def final(self) -> list[Delta]:
        """The deltas of the final location. Raises UserError if they are not finite."""
        row = self.locations.extracts
        with torch.no_grad():
            deltas = self.deltas(row, self.additions(row))
        if not all(torch.isfinite(delta.values).all() for delta in deltas):
            raise UserError(
                f"{self.task.label}: found a delta that is not finite, expected finite values (try a lower "
                "optimisation.learning_rate)"
            )
        return deltas

    def _cross_entropy(self, deltas: Sequence[Delta], batch: Sequence[Encoded]) -> torch.Tensor:
        """Cross-entropy L summed over the examples, computed on few of them at a time; differentiable as a whole.

        The student's graph for a whole batch would not fit into memory, so the chain rule is applied in two steps. Each
        portion runs its backward pass immediately, down to copies of the deltas that are detached from the
        hypernetworks; there the gradients g = dL/d(delta) accumulate over the portions. The returned value is L, with
        the gradient of the sum of delta * g. Its backward pass carries g through the hypernetworks' graph, which is
        small.
        """
        # detached copies: a portion's backward pass stops here and leaves its gradient in them
        leaves = [replace(delta, values=delta.values.detach().requires_grad_()) for delta in deltas]
        total = torch.zeros((), device=self.device)
        for portion in portions(batch):
            with alongside(self.model, leaves):
                loss = answer_loss(self.model, collate(portion, 0).to(self.device))
            loss.backward()  # frees this portion's graph
            total += loss.detach()
        gradients = [leaf.values.grad for leaf in leaves]
        # g is a constant; it is None for a delta that does not affect any answer
        carried = [(d.values * g).sum() for d, g in zip(deltas, gradients, strict=True) if g is not None]
        link = torch.stack(carried).sum()
        return total + (link - link.detach())  # adds zero to the value, but the gradient of `link`

    def _encode(self, split: Split) -> list[Encoded]:
        encoded, _ = encode_split(self.task.student, self.task.benchmark, split)
        return [_released_mask(item) for item in encoded] if self.settings.as_released else encoded

    def _check(self) -> None:
        if len(self.extract) != self.locations.extracts:
            raise UserError(
                f"{self.task.signals['location']}: found {self.locations.extracts} located extract examples, expected "
                f"{len(self.extract)}; delete the folder and rerun"
            )
        if len(self.align) < self.settings.align_batch:
            raise UserError(
                f"align_batch: found {self.settings.align_batch}, expected at most the {len(self.align)} examples of "
                "the align split"
            )


def answer_loss(model: Any, batch: Batch) -> torch.Tensor:
    """Mean cross-entropy of each example in nats, summed over a batch; logits are computed only where answers are."""
    positions = batch.supervised.any(0).nonzero()[:, 0]
    logits = model(
        batch.input_ids, attention_mask=batch.attention_mask, use_cache=False, logits_to_keep=positions
    ).logits
    labels = batch.labels[:, positions]
    flat = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="none"
    )
    counts = (labels != IGNORED).sum(1)
    return (flat.view(labels.shape).sum(1) / counts).sum()


def size_of(work: tuple[int, list[Encoded]]) -> list[float]:
    """What operations are linear in: one, padded tokens, the same times their length, positions with logits.

    The hypernetworks have the same work in every update.
    """
    sizes = np.zeros(3)
    for part in portions(work[1]):
        length = max(len(example.input_ids) for example in part)
        answered = {i for item in part for span in item.spans for i in range(*span)}
        sizes += len(part) * np.array([length, length**2, len(answered)])
    return [1.0, *sizes.tolist()]


def portions(examples: Sequence[Encoded]) -> list[list[Encoded]]:
    """Split the examples, in order, into parts of at most POSITIONS padded positions (or one longer example)."""
    parts: list[list[Encoded]] = []
    longest = 0
    for example in examples:
        longest = max(longest, len(example.input_ids))
        if not parts or (len(parts[-1]) + 1) * longest > POSITIONS:
            parts.append([])
            longest = len(example.input_ids)
        parts[-1].append(example)
    return parts


def _released_mask(encoded: Encoded) -> Encoded:
    """Mask the first token of every answer too, as the released code does.

    Raises UserError if no token of the last answer is left.
    """
    if encoded.answer_start + 1 >= len(encoded.input_ids):
        raise UserError(
            "as_released: found an answer with a single token and no eos, expected more, since the first answer token "
            "is not supervised"
        )
    turns = tuple((start + 1, end) for start, end in encoded.turns if end - start > 1)
    return replace(encoded, answer_start=encoded.answer_start + 1, turns=turns)
