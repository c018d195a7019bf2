"""Distillation of hidden states: standardised channels, projectors, and the loss, compared with its formula."""

from pathlib import Path

import pytest
import torch
from fabricated_signals import train_split
from safetensors.torch import load_file

from semalign.benchmarks.encoding import collate
from semalign.methods.distill_hidden import DistillHidden
from semalign.methods.distill_hidden.projection import (
    TeacherStates,
    make_projectors,
    standardise,
    states_loss,
)
from semalign.models.anatomy import capture
from semalign.models.loading import load_model
from semalign.runtime.files import read_json
from semalign.signals.attribution import supervised_loss
from semalign.signals.pairing import LayerPair, from_rows


@pytest.mark.parametrize("at_once", [7, 8192])
def test_standardised_channels_have_unit_scale_and_constant_ones_are_zero(at_once: int, monkeypatch) -> None:
    monkeypatch.setattr("semalign.methods.distill_hidden.projection.POSITIONS", at_once)
    torch.manual_seed(3)
    states = torch.randn(50, 3) * torch.tensor([1e-2, 1.0, 1e2]) + 7
    states = torch.cat([states, torch.full((50, 1), 7.0)], dim=1)
    found = standardise(states).double()
    expected = (states.double() - states.double().mean(0))[:, :3] / states.double()[:, :3].std(
        0, correction=0
    )
    torch.testing.assert_close(found[:, :3], expected, atol=1e-5, rtol=1e-5)
    assert (found[:, 3] == 0).all()
    assert (standardise(torch.ones(4, 2)) == 0).all()


def test_states_loss_is_the_error_over_each_channel_s_variance(
    sealed_pair, pico_benchmark: Path, signals
) -> None:
    """Compared with the formula without standardisation: mean of ((W s + b) sigma + mu - h)^2 / sigma^2."""
    encoded = train_split(sealed_pair[1], pico_benchmark)
    rows = read_json(signals["pairing"] / "pairing.json")["pairs"]
    (pair,) = from_rows(rows)
    path = signals["activations"] / "activations.safetensors"
    teacher = TeacherStates(path, [pair], encoded)
    projectors = make_projectors(teacher.widths, 32, seed=5)
    model, indices = load_model(sealed_pair[1]), [3, 1]
    batch = collate([encoded[i] for i in indices], 0)
    settings = DistillHidden(layer_loss_weight=3.0, label_loss_weight=0.5)
    terms = states_loss(settings, teacher, projectors, "mlp")(model, batch, indices)

    stored = load_file(path)
    raw = {int(name[6:]): states.double() for name, states in stored.items() if name != "offsets"}
    mixed = (1 - pair.weight) * raw[pair.below] + pair.weight * raw[pair.above]
    mean, deviation = mixed.mean(0), mixed.std(0, correction=0)
    target = torch.cat([mixed[stored["offsets"][i] : stored["offsets"][i + 1]] for i in indices])
    with capture(model, [pair.student], ["mlp"]) as states:
        logits = model(batch.input_ids, attention_mask=batch.attention_mask).logits
    linear = projectors[str(pair.student)]
    told = states["mlp", pair.student][batch.supervised].double() @ linear.weight.double().T
    told = (told + linear.bias.double()) * deviation + mean
    expected = ((told - target) ** 2 / deviation**2).mean()
    assert terms["layer"].item() == pytest.approx(3 * expected.item(), rel=1e-4)
    assert terms["label"].item() == pytest.approx(
        0.5 * supervised_loss(logits, batch.labels).item(), rel=1e-4
    )
    assert set(states_loss(DistillHidden(label_loss_weight=0), teacher, projectors, "mlp")(
        model, batch, indices
    )) == {"layer"}  # fmt: skip


def test_several_pairs_have_a_projector_each() -> None:
    projectors = make_projectors({3: 48, 1: 40}, 32, seed=0)
    assert {name: tuple(linear.weight.shape) for name, linear in projectors.items()} == {
        "1": (40, 32),
        "3": (48, 32),
    }
    again, other = make_projectors({1: 40, 3: 48}, 32, seed=0), make_projectors({1: 40}, 32, seed=1)
    assert torch.equal(projectors["1"].weight, again["1"].weight)
    assert not torch.equal(projectors["1"].weight, other["1"].weight)


def test_interpolated_pairs_mix_the_states(signals, sealed_pair, pico_benchmark: Path) -> None:
    encoded = train_split(sealed_pair[1], pico_benchmark)
    path = signals["activations"] / "activations.safetensors"
    layers = sorted(int(name[6:]) for name in load_file(path) if name != "offsets")
    pair = LayerPair(2, layers[0], layers[0], layers[0], layers[-1], 0.25)
    found = TeacherStates(path, [pair], encoded)
    raw = load_file(path)
    expected = 0.75 * raw[f"layer.{layers[0]}"] + 0.25 * raw[f"layer.{layers[-1]}"]
    torch.testing.assert_close(found.states[2], standardise(expected), atol=1e-4, rtol=1e-4)
