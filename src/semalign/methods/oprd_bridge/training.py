"""Training of the student against frozen bridges (OPRD, arXiv 2606.06021).

Loss of a batch = mean over the paired layers of |P_S h_S - P_T (h_T - mu)|^2 / variance of P_T (h_T - mu)
+ label_loss_weight * cross-entropy on the answers, over supervised positions.

Without the latter, as in the paper, neither logits nor labels are used and nothing above the deepest paired layer runs.
Only facts about the method were taken from its authors' published code. What differs here:

- Answers are those of the train split, on which the teacher's states were stored, not the student's own.
- P_S is fitted in closed form, on all supervised positions of the untouched student (`bridge`).
- Each layer's error is divided by the variance of its coordinates. The paper's errors are not, so that its layers
  weigh as much as their coordinates vary.
- Pairs come from the pairing stage; the paper pairs every student layer with the teacher layer at the same relative
  depth (`pairing.pairs: all` with `layers: all` comes nearest). LoRA is trained, not all weights.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.adapters import Loss, Work
from semalign.methods.common.answers import answer_terms
from semalign.methods.common.lora import Adaptation, chosen_layers, load_student_at_work, train_student
from semalign.methods.common.steered import steered_states
from semalign.methods.common.targets import paired_states
from semalign.methods.oprd_bridge import OprdBridge
from semalign.methods.oprd_bridge.bridge import Bridge, build_bridge, held_out_positions
from semalign.models.readout import head_logits
from semalign.models.states import offsets_of, read_states
from semalign.runtime.files import read_json, write_json
from semalign.signals.pairing import from_rows
from semalign.signals.stored import Stored

logger = logging.getLogger("semalign")
INTERFACE = "block"
BATCH = 32  # examples per forward pass when the student's states are read


def bridge_and_train(task: TransferTask[OprdBridge], folder: Path) -> TransferReport:
    """Fit the bridges, write how good they are to `bridge.json`, and train a LoRA adapter against them."""
    work = load_student_at_work(task)
    layers, _ = chosen_layers(task, work)
    stored = Stored(task.signals["activations"] / "activations.safetensors", work.examples)
    bridges = fit_bridges(task, work, stored)
    facts = [
        {"layer": k, "explained": b.explained, "predicted": b.predicted, "ridge": b.ridge}
        for k, b in bridges.items()
    ]
    write_json(folder / "bridge.json", {"rank": task.settings.rank, "layers": facts})
    loss = bridge_loss(bridges, stored, task.settings.label_loss_weight)
    passes = read_json(task.signals["activations"] / "activations.json")["teacher_passes"]
    return train_student(task, work, Adaptation(layers, loss), folder, passes)


def fit_bridges(task: TransferTask[OprdBridge], work: Work, stored: Stored) -> dict[int, Bridge]:
    """Student layer -> its bridge, fitted to the untouched student's states at the supervised positions."""
    pairs = from_rows(read_json(task.signals["pairing"] / "pairing.json")["pairs"])
    layers = [pair.student for pair in pairs]
    own = read_states(work.model, work.examples, layers, INTERFACE, BATCH, work.pad_id)
    held_out = held_out_positions(offsets_of(work.examples))
    bridges = {}
    for layer, taught in paired_states(stored, pairs):
        bridge = build_bridge(own[layer], taught, held_out, task.settings.rank)
        message = (
            "oprd-bridge: layer %d: %d dimensions hold %.3f of the teacher's variance, %.3f of it predicted"
        )
        logger.info(message, layer, task.settings.rank, bridge.explained, bridge.predicted)
        bridges[layer] = bridge
    stored.tensors = {}  # frees the teacher's states, of which only the coordinates are needed
    return bridges


def bridge_loss(bridges: Mapping[int, Bridge], stored: Stored, label_loss_weight: float) -> Loss:
    """The loss terms of one batch: `layer` (mean over the paired layers), and `label` if its weight is not zero."""

    def loss(model: Any, batch: Batch, indices: list[int]) -> dict[str, torch.Tensor]:
        answers = label_loss_weight > 0
        states, final = steered_states(model, batch, sorted(bridges), INTERFACE, answers)
        distances = [
            bridges[layer].distance(rows, stored.select(bridges[layer].coordinates, indices))
            for layer, rows in states.items()
        ]
        terms = {"layer": torch.stack(distances).mean()}
        if final is None:
            return terms
        return terms | answer_terms(head_logits(model, final), batch, indices, None, label_loss_weight)

    return loss
