"""Sublayer and neuron granularity of attribution in every architecture, compared with float64 finite differences."""

from typing import Any

import pytest
import torch
from fabricated_models import ARCHITECTURES, build_model

from semalign.benchmarks.encoding import Batch, Encoded, collate
from semalign.config.signals import Attribution
from semalign.models.anatomy import capture, facts_of, layers_of
from semalign.signals.attribution import reduce_product, score_layers, supervised_loss

NEURONS = 6
LAYERS = (1, 2)


@pytest.fixture(autouse=True)
def no_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make norms and losses that always compute in float32 use float64."""
    plain = torch.Tensor.to

    def to(self: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        return plain(self, *(torch.float64 if arg is torch.float32 else arg for arg in args), **kwargs)

    monkeypatch.setattr(torch.Tensor, "to", to)
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


@pytest.fixture(params=ARCHITECTURES)
def subject(request: pytest.FixtureRequest) -> tuple[Any, Batch]:
    """A model with few neurons, whose biases (if any) are not zero, and one example."""
    model = build_model(request.param, layers=len(LAYERS), width=16, seed=3, feed_forward=NEURONS)
    model = model.double().eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.normal_(std=0.3, generator=torch.Generator().manual_seed(len(name)))
    return model, collate([Encoded([1, 70, 81, 90, 104, 2], 3)], 0)


def slope(model: Any, batch: Batch, module: Any, mask: torch.Tensor, *, entering: bool = False) -> float:
    """d loss / d s at s = 0 for a module whose output or input is multiplied by (1 + s mask)."""

    def loss_at(step: float) -> float:
        factor = 1 + step * mask

        def scale_output(_module: Any, _args: Any, output: Any) -> Any:
            return factor * output if torch.is_tensor(output) else (factor * output[0], *output[1:])

        if entering:
            hook = module.register_forward_pre_hook(lambda _m, args: (factor * args[0], *args[1:]))
        else:
            hook = module.register_forward_hook(scale_output)
        with torch.no_grad():
            loss = supervised_loss(model(batch.input_ids).logits, batch.labels)
        hook.remove()
        return float(loss)

    return (loss_at(1e-4) - loss_at(-1e-4)) / 2e-4


def neuron_slopes(model: Any, batch: Batch, layer: int) -> list[float]:
    down = layers_of(model)[layer - 1].get_submodule(facts_of(model).projections["down"])
    return [slope(model, batch, down, mask, entering=True) for mask in torch.eye(NEURONS).double()]


def sublayer_slopes(model: Any, batch: Batch, layer: int) -> list[float]:
    names = facts_of(model).attention, facts_of(model).mlp
    modules = [layers_of(model)[layer - 1].get_submodule(name) for name in names]
    return [slope(model, batch, module, torch.ones(()).double()) for module in modules]


SLOPES = {"neuron": neuron_slopes, "sublayer": sublayer_slopes}


@pytest.mark.parametrize("granularity", SLOPES)
def test_scores_are_sums_of_the_parts_slopes(subject: tuple[Any, Batch], granularity: str) -> None:
    model, batch = subject
    parts = [SLOPES[granularity](model, batch, layer) for layer in LAYERS]
    (signed,) = score_layers(model, [batch], Attribution(granularity=granularity, reduction="signed"))
    (absolute,) = score_layers(model, [batch], Attribution(granularity=granularity))
    assert signed == pytest.approx([sum(row) for row in parts], rel=1e-5, abs=1e-8)
    assert absolute == pytest.approx([sum(map(abs, row)) for row in parts], rel=1e-5, abs=1e-8)
    assert min(absolute) > 1e-4 and any(min(row) < 0 < max(row) for row in parts)


def mlp_products(model: Any, batch: Batch) -> tuple[list[float], list[float]]:
    """<g, output> and <g, bias> of each layer's MLP, with g the gradient at its output."""
    model.requires_grad_(True)
    with capture(model, LAYERS, ["mlp"]) as states:
        logits = model(batch.input_ids).logits
    outputs = [states["mlp", layer] for layer in LAYERS]
    gradients = torch.autograd.grad(supervised_loss(logits, batch.labels), outputs)
    model.requires_grad_(False)
    whole = [float((o * g).sum().detach()) for o, g in zip(outputs, gradients, strict=True)]
    downs = [layers_of(model)[k - 1].get_submodule(facts_of(model).projections["down"]) for k in LAYERS]
    biases = [d.bias if d.bias is not None else torch.zeros(()).double() for d in downs]
    return whole, [float((b * g).sum().detach()) for b, g in zip(biases, gradients, strict=True)]


def test_signed_neurons_add_up_to_the_mlp_without_its_bias(subject: tuple[Any, Batch]) -> None:
    model, batch = subject
    (neurons,) = score_layers(model, [batch], Attribution(granularity="neuron", reduction="signed"))
    whole, of_bias = mlp_products(model, batch)
    if "Gemma3" in type(model).__name__:  # the norm after the MLP removes the scale, up to its epsilon
        (absolute,) = score_layers(model, [batch], Attribution(granularity="neuron"))
        assert all(abs(n) < 1e-2 * a for n, a in zip(neurons, absolute, strict=True))
    else:
        assert neurons == pytest.approx([w - b for w, b in zip(whole, of_bias, strict=True)], rel=1e-9)
    has_bias = type(model).__name__ == "GPTNeoXForCausalLM"
    assert all((abs(bias) > 1e-4) == has_bias for bias in of_bias)


def test_reductions_bound_each_other(subject: tuple[Any, Batch]) -> None:
    model, batch = subject
    for granularity in ("layer", "sublayer", "neuron"):
        signed, of_sum, of_parts = (
            score_layers(model, [batch], Attribution(granularity=granularity, reduction=reduction))[0]
            for reduction in ("signed", "abs-of-sum", "abs-sum")
        )
        rounding = 1 + 1e-12
        for low, middle, high in zip(signed, of_sum, of_parts, strict=True):
            assert abs(low) <= middle * rounding and middle < high


@pytest.mark.parametrize(
    ("granularity", "reduction", "expected"),
    [
        ("layer", "signed", 1),
        ("layer", "abs-of-sum", 1),
        ("layer", "abs-sum", 11),
        ("sublayer", "abs-of-sum", 1),
        ("neuron", "signed", 1),
        ("neuron", "abs-of-sum", 5),  # |1 - 3| + |-2 + 5|
        ("neuron", "abs-sum", 11),
    ],
)
def test_reductions_of_two_tokens_by_hand(granularity: str, reduction: str, expected: float) -> None:
    product = torch.tensor([[[1.0, -2.0], [-3.0, 5.0]]])
    assert reduce_product(product, Attribution(granularity=granularity, reduction=reduction)) == expected
