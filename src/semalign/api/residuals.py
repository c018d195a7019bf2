"""The semantic residual as targets: the student's own states plus what the teacher predicts beyond it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from semalign.api.checks import layer_numbers, length
from semalign.api.cuts import Cuts, check_same, cuts_of
from semalign.api.heads import any_head, shared_by
from semalign.api.inputs import Examples, Loaded, Model, encoded_by, examples_of, loaded, section_of
from semalign.api.states import LayerStates
from semalign.benchmarks.base import Example
from semalign.config.displacements import Residual
from semalign.methods.displaced.training import BATCH, evaluating
from semalign.models.anatomy import Interface, layers_of
from semalign.models.loading import Head
from semalign.models.readout import Readout, readout_of
from semalign.models.states import answer_tokens, offsets_of, read_final_states, read_states
from semalign.runtime.errors import UserError
from semalign.signals.displacement import scaled
from semalign.signals.residual.recomposition import Recomposition, check_recomposed


def residual_targets(
    teacher: Model,
    student: Model,
    examples: Examples,
    layers: Sequence[int] | None = None,
    *,
    rho: float = 0.3,
    interface: Interface = "block",
    bases: Literal["pinv", "pinv-raw", "head-rows", "input-side", "random"] = "pinv",
    source: Literal["teacher", "labels", "shuffled", "student"] = "teacher",
    temperature: float = 1.0,
    fold_final_norm: bool = False,
    batch_size: int = 32,
    seed: int = 0,
) -> LayerStates:
    """Targets h + rho |h|_mean d / |d|_mean of student layers, with d = S_S (p_T - p_S), [positions, student width].

    A variant of SemAlign that its paper (arXiv 2510.24208) does not have: the paper's semantic bases recompose the
    difference of two predictions instead of a state's coefficients (docs/method/semantic-residual.md).

    Args:
        teacher: Model folder, or `(model, tokenizer)`.
        student: The same.
        examples: `(prompt, answer)` pairs, or `Example`s.
        layers: Student layers to move, from 1. Default: all.
        rho: Mean length of the displacements as a share of that of the states.
        interface: Output that is moved.
        bases: The student's vector of each token; `random` is a control.
        source: What the student's prediction is compared with; `shuffled` and `student` are controls.
        temperature: Temperature of both distributions.
        fold_final_norm: Fold the final norm's gain into the head first; the paper leaves it open.
        batch_size: Examples per forward pass.
        seed: Seed of random bases and of shuffled positions.

    Raises UserError if the tokenizers cut the answers differently, if too few tokens are shared, and if the two models
    predict the same.
    """
    values = {"bases": bases, "source": source, "temperature": temperature, "seed": seed}
    values |= {"fold_final_norm": fold_final_norm, "batch_size": batch_size}
    settings = section_of(Residual, "residual", values)
    items = examples_of(examples)
    # of a teacher in a folder, no more than this is kept in memory
    of_teacher = _read(loaded(teacher), items, batch_size)
    own, rho = loaded(student), length("rho", rho)
    depth = len(layers_of(own.model))
    wanted = layer_numbers("layers", range(1, depth + 1) if layers is None else layers, depth)
    of_student = _read(own, items, batch_size)
    _check_positions(of_teacher, of_student)
    displacement = _displacement(of_teacher, of_student, settings, own.model.device)
    encoded, pad_id = encoded_by(own.tokenizer, items)
    with evaluating(own.model):
        states = read_states(own.model, encoded, wanted, interface, BATCH, pad_id)
    targets = {k: rows + scaled(displacement, rows, rho) for k, rows in states.items()}
    return LayerStates(targets, of_student.offsets, interface, cuts=of_student.cuts)


@dataclass(frozen=True)
class _Side:
    """What the residual reads of a model: its final states [positions, width], and how they become predictions."""

    tokenizer: Any
    head: Head
    readout: Readout
    final: Tensor
    offsets: Tensor
    labels: Tensor
    cuts: Cuts


def _read(speaker: Loaded, examples: Sequence[Example], batch_size: int) -> _Side:
    encoded, pad_id = encoded_by(speaker.tokenizer, examples)
    with evaluating(speaker.model):
        final = read_final_states(speaker.model, encoded, batch_size, pad_id)
    head, readout = any_head(speaker), readout_of(speaker.model)
    places = offsets_of(encoded), answer_tokens(encoded), cuts_of(examples, encoded, speaker.tokenizer)
    return _Side(speaker.tokenizer, head, readout, final, *places)


def _check_positions(teacher: _Side, student: _Side) -> None:
    """Raise UserError unless both models have the same tokens at the positions that are compared."""
    check_same(teacher.cuts, student.cuts, ("the teacher", "the student"))
    if not torch.equal(teacher.offsets, student.offsets):
        found = [int(side.offsets[-1]) for side in (teacher, student)]
        raise UserError(
            f"examples: found {found[0]} answer positions of the teacher and {found[1]} of the student, expected the "
            "same: as many tokens that end an answer (eos)"
        )


@torch.no_grad()
def _displacement(teacher: _Side, student: _Side, settings: Residual, device: Any) -> Tensor:
    """d [positions, student width]; raises UserError if there is none."""
    heads = teacher.head, student.head
    shared = shared_by((teacher.tokenizer, student.tokenizer), heads)
    recomposition = Recomposition(heads, (teacher.readout, student.readout), shared, settings, device)
    recomposed = recomposition.of(teacher.final, student.final, student.labels)
    check_recomposed(recomposed, settings.temperature)
    return recomposed.displacement
