"""LaTen's alignment: hypernetworks learn what to add to the student from the teacher's most attributed neurons.

One hypernetwork for each of up, down, v and o, shared by layers and neurons. Update t takes extract example t: its
located slices of both models, and a batch of it and some align examples. The student stays frozen; what the
hypernetworks give runs alongside its weights, and is added to them once, at the end, without any training after it.

As the authors' code does it, apart from its errors. What that leaves open: the initial weights' 1e-5 is a standard
deviation, the shrinkage counts once per example as the cross-entropy does, a tokenizer's bos comes before every
text, and gradients are not clipped.
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
from semalign.models.deltas import Delta, beside, save_deltas
from semalign.models.loading import load_model, read_shape
from semalign.models.states import encode_split
from semalign.models.transfers import write_transfer
from semalign.runtime.errors import UserError
from semalign.runtime.files import write_json
from semalign.signals.location.stored import Locations
from semalign.training.checkpoint import Checkpoint
from semalign.training.loop import Budget, train

BETA2 = 0.95
EVERY = 10  # updates between two checkpoints: one takes as long as a batch of long examples
POSITIONS = 1024  # that run through the student at once: one long example, or a batch of short ones


def align_and_inject(task: TransferTask[Laten], folder: Path) -> TransferReport:
    """Train the hypernetworks, write the deltas of the final location, and check what evaluation will load."""
    locations = Locations.read(task.signals["location"])
    aligner = Aligner(task, locations)
    history = aligner.run()
    deltas = aligner.final()
    trained = sum(parameter.numel() for parameter in aligner.parameters().values())
    del aligner  # the check has two students in memory; not a third
    save_deltas(deltas, folder)
    write_transfer(folder, "delta")
    write_json(folder / "delta.json", check_injection(task.student, task.teacher, folder, deltas))
    return TransferReport(trained, locations.teacher_passes, history)


class Aligner:
    """The student, frozen, and the hypernetworks that learn what to add to it."""

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
        """All that is trained, by name."""
        return {
            f"{kind}.{name}": parameter
            for kind, network in self.networks.items()
            for name, parameter in network.named_parameters()
        }

    def run(self) -> list[dict[str, float]]:
        """One update per extract example; no clipping."""
        own = self.settings.optimisation
        steps = own.steps or len(self.extract)
        optimisation = Optimisation(
            learning_rate=own.learning_rate,
            steps=steps,
            weight_decay=own.weight_decay,
            beta2=BETA2,
            clip_norm=math.inf,
        )
        schedule = one_cycle(own.learning_rate, max(steps, len(self.extract)))
        return train(
            self.parameters(),
            self.batch,
            self.loss,
            Budget(steps, optimisation, schedule),
            label=self.task.label,
            checkpoint=Checkpoint(self.task.checkpoint, EVERY, self.task.identity),
        )

    def batch(self, step: int) -> tuple[int, list[Encoded]]:
        """The extract example of an update and the batch: it and align examples drawn with the step as seed."""
        index = self.order[step % len(self.order)]
        drawn = np.random.default_rng(step).choice(len(self.align), self.settings.align_batch, replace=False)
        return index, [self.extract[index], *(self.align[i] for i in drawn.tolist())]

    def loss(self, work: tuple[int, list[Encoded]]) -> dict[str, torch.Tensor]:
        """Each example's mean cross-entropy and the shrinkage, both summed over the batch and not averaged."""
        index, batch = work
        additions = self.additions(index)
        squares = torch.stack([values.square().mean() for values in additions.values()]).sum()
        return {
            "cross_entropy": self._cross_entropy(self.deltas(index, additions), batch),
            "shrinkage": len(batch) * self.settings.shrinkage * squares,
        }

    def additions(self, row: int) -> dict[str, torch.Tensor]:
        """Kind -> [layers, neurons, student width] that the hypernetworks make of a located example's slices."""
        return {
            kind: network(self.teacher.read(kind, row).to(self.device))
            for kind, network in self.networks.items()
        }

    def deltas(self, row: int, additions: dict[str, torch.Tensor]) -> list[Delta]:
        """The additions at the student's located rows and columns."""
        return deltas_of(facts_of(self.model), self.locations.parts["student"], row, additions)

    def final(self) -> list[Delta]:
        """The deltas of the final location; raises UserError when they are not finite."""
        row = self.locations.extracts
        with torch.no_grad():
            deltas = self.deltas(row, self.additions(row))
        if not all(torch.isfinite(delta.values).all() for delta in deltas):
            raise UserError(
                f"{self.task.label}: the delta is not finite (try a lower optimisation.learning_rate)"
            )
        return deltas

    def _cross_entropy(self, deltas: Sequence[Delta], batch: Sequence[Encoded]) -> torch.Tensor:
        """The sum over the examples, with few of them in memory at a time; its gradient reaches the hypernetworks.

        The student's graph for a whole batch would not fit, so the chain rule is applied in two halves. Every
        portion runs its backward pass at once and stops at the deltas, which are cut off from the hypernetworks
        there: their gradients g = dL/d(delta) add up over the portions. What is returned then has the value of L
        and the gradient of the sum of delta * g: the hypernetworks get g carried on by their own graph, which is
        small.
        """
        # copies that end a graph: a backward pass leaves its gradient in them and goes no further
        leaves = [replace(delta, values=delta.values.detach().requires_grad_()) for delta in deltas]
        total = torch.zeros((), device=self.device)
        for portion in portions(batch):
            with beside(self.model, leaves):
                loss = answer_loss(self.model, collate(portion, 0).to(self.device))
            loss.backward()  # frees this portion's graph
            total += loss.detach()
        gradients = [leaf.values.grad for leaf in leaves]
        # g is a constant here; a delta of a layer that no answer depends on has none
        carried = [(d.values * g).sum() for d, g in zip(deltas, gradients, strict=True) if g is not None]
        link = torch.stack(carried).sum()
        return total + (link - link.detach())  # adds zero, and the gradient of `link`

    def _encode(self, split: Split) -> list[Encoded]:
        encoded, _ = encode_split(self.task.student, self.task.benchmark, split)
        return [_released_mask(item) for item in encoded] if self.settings.as_released else encoded

    def _check(self) -> None:
        if len(self.extract) != self.locations.extracts:
            raise UserError(
                f"{self.task.signals['location']}: located {self.locations.extracts} extract examples, expected "
                f"{len(self.extract)}; delete the folder and rerun"
            )
        if len(self.align) < self.settings.align_batch:
            raise UserError(
                f"align_batch: {self.settings.align_batch}, but the align split has {len(self.align)} examples; "
                "expected at most as many"
            )


def answer_loss(model: Any, batch: Batch) -> torch.Tensor:
    """The sum over a batch's examples of their mean cross-entropy in nats; logits are made at answers alone."""
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


def portions(examples: Sequence[Encoded]) -> list[list[Encoded]]:
    """The examples in their order, parted so that none has more than about a thousand padded positions."""
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
    """The mask that is one token too long; raises UserError if nothing would be left."""
    if encoded.answer_start + 1 >= len(encoded.input_ids):
        raise UserError(
            "as_released: an answer has a single token and no eos, so none is supervised; expected more"
        )
    return replace(encoded, answer_start=encoded.answer_start + 1)
