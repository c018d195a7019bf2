"""Targets of prox and its control, and their loss, on pairs of every architecture."""

import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_pairs import PAIRS, Pair
from prox_cases import METHODS, TWO, name_of, solved, task_of
from safetensors.torch import load_file, save_file

from semalign.benchmarks.encoding import collate
from semalign.methods.base import TransferTask
from semalign.methods.common.lora import Work, load_student_at_work
from semalign.methods.experimental.anchored.training import (
    Anchor,
    anchored_loss,
    own_states,
    read_pairs,
    total_variance,
)
from semalign.methods.experimental.prox import Prox
from semalign.methods.experimental.prox.targets import make_solver, proximal_anchors, solve_layer
from semalign.models.anatomy import capture, layers_of
from semalign.models.loading import load_model
from semalign.models.readout import read_readout, readout_of
from semalign.models.vocabulary import common_tokens
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json


def test_variance_is_the_mean_squared_distance_from_the_mean() -> None:
    torch.manual_seed(1)
    states = torch.randn(30, 5) * torch.tensor([0.1, 1.0, 2.0, 3.0, 10.0]) + 4
    mean = states.double().mean(0)
    expected = sum(float(((row.double() - mean) ** 2).sum()) for row in states) / 30
    assert total_variance(states) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", PAIRS)
def test_targets_of_every_architecture_say_more_of_the_teacher(
    name: str,
    pairs: Callable[[str], Pair],
) -> None:
    pair = pairs(name)
    work, own, anchors = solved(pair, Prox(proximity=0.01), **TWO)
    task = task_of(pair, Prox(), **TWO)
    of_teacher, of_student = common_tokens(pair.teacher, pair.student)
    stored = load_file(task.signals["activations"] / "activations.safetensors")
    whole = read_readout(pair.teacher)
    assert sorted(anchors) == [p.student for p in read_pairs(task)[0]]
    for p in read_pairs(task)[0]:
        hidden = (1 - p.weight) * stored[f"layer.{p.below}"] + p.weight * stored[f"layer.{p.above}"]
        log_probs = whole.of_block(hidden)[:, of_teacher].log_softmax(-1)
        solver = make_solver(Prox(proximity=0.01), readout_of(work.model), of_student, own[p.student])
        before, after = (solver.divergence(anchor[p.student].targets, log_probs) for anchor in (own, anchors))
        assert (after <= before).all()
        assert after.mean() < 0.9 * before.mean()


def test_own_states_are_block_outputs_at_supervised_positions(llama: Pair) -> None:
    work, own, _ = solved(llama, Prox(solver_steps=1), **TWO)
    model = load_model(llama.student)
    for layer, anchor in own.items():
        rows = []
        for item in work.examples:
            states = model(torch.tensor([item.input_ids]), output_hidden_states=True).hidden_states
            rows.append(states[layer][0, item.answer_start - 1 : -1])
        # for the last layer, transformers returns states after the final norm
        found = model.model.norm(anchor.targets) if layer == 3 else anchor.targets
        torch.testing.assert_close(found, torch.cat(rows), atol=1e-5, rtol=1e-5)


def test_a_student_that_is_its_own_teacher_keeps_its_states(llama: Pair) -> None:
    """Teacher and student are the same model, and the layers are the same."""
    task = task_of(llama, Prox())
    work = load_student_at_work(task)
    pairing = read_pairs(task)[0]
    own = own_states(work, pairing)
    layer = pairing[0].student
    of_teacher, of_student = common_tokens(llama.student, llama.student)
    solver = make_solver(Prox(), readout_of(work.model), of_student, own[layer])
    teacher = read_readout(llama.student, of_teacher)
    found = solve_layer(layer, own[layer], own[layer].targets, teacher, solver)
    deviation = math.sqrt(own[layer].variance / 32)
    assert (found.targets - own[layer].targets).abs().max() < 0.02 * deviation


def test_chunks_change_no_target(llama: Pair, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    with caplog.at_level(logging.INFO, logger="semalign"):
        _, _, whole = solved(llama, Prox())
        monkeypatch.setattr("semalign.methods.experimental.prox.targets.LOGITS_AT_ONCE", 259 * 4)
        _, _, parts = solved(llama, Prox())
    for layer, anchor in whole.items():
        torch.testing.assert_close(anchor.targets, parts[layer].targets, atol=1e-3, rtol=1e-3)
    lines = [line.message for line in caplog.records if line.message.startswith("prox: layer")]
    assert len(set(lines)) == 1 and len(lines) == 2


@pytest.mark.parametrize("settings", METHODS, ids=name_of)
def test_the_loss_is_the_slow_formula(settings: Any, llama: Pair) -> None:
    work, own, anchors = solved(llama, Prox(), **TWO)
    indices = [3, 1]
    batch = collate([work.examples[i] for i in indices], 0)
    shifted = {layer: Anchor(anchor.targets + 1, own[layer].variance) for layer, anchor in anchors.items()}

    class Teacher:
        teacher_passes = 0

        def loss(self, logits: torch.Tensor, of: Any) -> torch.Tensor:
            assert of == indices
            return logits.sum() * 0 + 7

    teacher = Teacher() if settings.distillation == "logits" else None
    terms = anchored_loss(settings, shifted, work.examples, teacher)(work.model, batch, indices)
    per_layer = []
    for layer, anchor in shifted.items():
        with capture(work.model, [layer], ["block"]) as states:
            logits = work.model(batch.input_ids, attention_mask=batch.attention_mask).logits
        counts = [len(item.input_ids) - item.answer_start for item in work.examples]
        total, number = 0.0, 0
        for row, i in enumerate(indices):
            first, item = sum(counts[:i]), work.examples[i]
            for k in range(counts[i]):
                state = states["block", layer][row, item.answer_start - 1 + k].double()
                total += float((state - anchor.targets[first + k].double()).square().sum())
                number += 1
        per_layer.append(total / number / anchor.variance)
    expected = settings.layer_loss_weight * sum(per_layer) / len(per_layer)
    assert terms["layer"].item() == pytest.approx(expected, rel=1e-4)
    assert ("kl" in terms) == (settings.distillation == "logits")
    assert ("label" in terms) == (settings.label_loss_weight > 0)
    if "kl" in terms:
        assert terms["kl"].item() == 7
    if "label" in terms:
        log_probs = logits[batch.supervised].double().log_softmax(-1)
        labels = batch.labels[batch.supervised]
        found = -log_probs[torch.arange(len(labels)), labels].mean()
        assert terms["label"].item() == pytest.approx(0.5 * found.item(), rel=1e-4)


def refused(line: str, attempt: Callable[[], Any]) -> None:
    with pytest.raises(UserError, match=line) as caught:
        attempt()
    assert "\n" not in str(caught.value)


def test_states_of_another_interface_or_of_other_examples_are_refused(llama: Pair, tmp_path: Path) -> None:
    wrong = {"activations.interface": "mlp"}
    refused(
        "activations.interface: found 'mlp', expected 'block'",
        lambda: llama.transfer(METHODS[0], tmp_path / "transfer", demands=wrong),
    )
    assert not (tmp_path / "transfer").exists()
    task = task_of(llama, METHODS[0])
    work = load_student_at_work(task)
    fewer = Work(work.model, [*work.examples, work.examples[0]], 0)
    refused(
        r"activations\.safetensors: holds .* tokenise alike",
        lambda: proximal_anchors(task, fewer, read_pairs(task)[0]),
    )


def test_a_teacher_of_another_width_is_refused(llama: Pair) -> None:
    task = task_of(llama, METHODS[0])
    swapped = TransferTask(
        task.student, task.student, task.benchmark, task.signals, task.settings, 0, task.checkpoint
    )
    refused(
        r"activations\.safetensors: found states of width 48, expected the teacher's 32",
        lambda: proximal_anchors(swapped, load_student_at_work(task), read_pairs(task)[0]),
    )


def test_states_that_do_not_vary_or_are_not_finite_are_refused(llama: Pair, tmp_path: Path) -> None:
    task = task_of(llama, METHODS[0])
    work, pairing = load_student_at_work(task), read_pairs(task)[0]
    layer = layers_of(work.model)[pairing[0].student - 1]
    handle = layer.register_forward_hook(lambda _m, _a, output: torch.zeros_like(output))
    refused(
        r"student layer \d: found \d+ states with variance 0.0, expected states that differ",
        lambda: own_states(work, pairing),
    )
    handle.remove()
    broken = tmp_path / "activations"
    broken.mkdir()
    tensors = load_file(task.signals["activations"] / "activations.safetensors")
    for states in (tensors[f"layer.{layer}"] for layer in (pairing[0].below, pairing[0].above)):
        states[0, 0] = math.nan
    save_file(tensors, broken / "activations.safetensors")
    write_json(broken / "activations.json", read_json(task.signals["activations"] / "activations.json"))
    task.signals["activations"] = broken
    refused(
        r"prox: student layer \d: found nan as the divergence to the teacher",
        lambda: proximal_anchors(task, work, pairing),
    )
