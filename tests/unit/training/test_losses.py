"""Losses, compared with their formulas computed slowly in float64."""

import math

import numpy as np
import pytest
import torch

from semalign.methods.semalign.steering import cosine_logits, cosine_probabilities, layer_loss
from semalign.training.losses import (
    correlation_loss,
    cross_entropy,
    relation_loss,
)


@pytest.fixture
def numbers() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(7, 5, generator=generator), torch.tensor([0, 4, 2, 2, 1, 3, 0])


def test_layer_loss_is_one_minus_mean_cosine(numbers) -> None:
    states, _ = numbers
    targets = torch.randn(7, 5, generator=torch.Generator().manual_seed(1))
    cosines = []
    for state, target in zip(states.tolist(), targets.tolist(), strict=True):
        dot = sum(a * b for a, b in zip(state, target, strict=True))
        cosines.append(dot / math.sqrt(sum(a * a for a in state)) / math.sqrt(sum(b * b for b in target)))
    assert float(layer_loss(states, targets)) == pytest.approx(1 - sum(cosines) / 7, abs=1e-6)


def test_label_loss_is_one_minus_mean_cosine_to_the_one_hot_label(numbers) -> None:
    logits, labels = numbers
    one_hot = torch.nn.functional.one_hot(labels, 5).double()
    cosines = [float(z @ y / (z.norm() * y.norm())) for z, y in zip(logits.double(), one_hot, strict=True)]
    assert float(cosine_logits(logits, labels)) == pytest.approx(1 - sum(cosines) / 7, abs=1e-6)


def test_label_loss_ignores_the_scale_of_the_logits(numbers) -> None:
    logits, labels = numbers
    assert float(cosine_logits(100 * logits, labels)) == pytest.approx(
        float(cosine_logits(logits, labels)), abs=1e-6
    )


def test_label_loss_on_probabilities_is_one_minus_mean_cosine_of_the_softmax(numbers) -> None:
    logits, labels = numbers
    probabilities = logits.double().softmax(-1)
    cosines = [float(p[label] / p.norm()) for p, label in zip(probabilities, labels.tolist(), strict=True)]
    assert float(cosine_probabilities(logits, labels)) == pytest.approx(1 - sum(cosines) / 7, abs=1e-6)
    shifted = cosine_probabilities(logits + 3, labels)
    assert float(shifted) == pytest.approx(1 - sum(cosines) / 7, abs=1e-6)


@pytest.mark.parametrize(("scale", "expected"), [(1e4, 1 - 2 / 3), (1e-4, 1 - 1 / math.sqrt(5))])
def test_label_loss_on_probabilities_is_finite_at_any_scale(scale: float, expected: float) -> None:
    logits = (scale * torch.eye(5)[:3]).requires_grad_()
    loss = cosine_probabilities(logits, torch.tensor([0, 1, 4]))  # confident: right twice, then wrong
    loss.backward()
    assert loss.item() == pytest.approx(expected, abs=1e-4)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_cross_entropy(numbers) -> None:
    logits, labels = numbers
    expected = -sum(
        row[label] - math.log(sum(math.exp(z) for z in row))
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True)
    )
    assert float(cross_entropy(logits, labels)) == pytest.approx(expected / 7, abs=1e-6)


def test_correlation_loss_is_one_minus_the_mean_coefficient() -> None:
    torch.manual_seed(2)
    states, targets = torch.randn(9, 4) + 5, torch.randn(9, 4) - 3
    found = [np.corrcoef(states[:, i].double(), targets[:, i].double())[0, 1] for i in range(4)]
    assert correlation_loss(states, targets).item() == pytest.approx(1 - np.mean(found), abs=1e-6)
    assert correlation_loss(states, 7 * states - 2).item() == pytest.approx(0, abs=1e-5)
    assert correlation_loss(states, -states).item() == pytest.approx(2, abs=1e-5)


def test_correlation_of_what_does_not_vary_is_none_and_finite() -> None:
    states = torch.ones(1, 4, requires_grad=True)
    loss = correlation_loss(states, torch.randn(1, 4))
    loss.backward()
    assert loss.item() == pytest.approx(1)
    assert states.grad is not None
    assert states.grad.isfinite().all()


def relations(rows: torch.Tensor) -> np.ndarray:
    """The Gram matrix in float64, centred over rows and columns."""
    gram = rows.double().numpy() @ rows.double().numpy().T
    centring = np.eye(len(gram)) - 1 / len(gram)
    return centring @ gram @ centring


@pytest.mark.parametrize("positions", [3, 5, 6, 40])
def test_relation_loss_compares_centred_relations_of_tokens(positions: int) -> None:
    """Compared with the definition, for fewer and more positions than the width 6."""
    torch.manual_seed(positions)
    states = torch.randn(positions, 6) * torch.tensor([5.0, 1, 1, 1, 0.1, 3]) + 4
    targets = states @ torch.randn(6, 6) + torch.randn(positions, 6)
    k, other = relations(states), relations(targets)
    expected = 1 - (k * other).sum() / np.sqrt((k * k).sum() * (other * other).sum())
    assert relation_loss(states, targets).item() == pytest.approx(expected, abs=1e-5)


def test_relations_do_not_depend_on_place_size_or_rotation() -> None:
    torch.manual_seed(3)
    states, targets = torch.randn(20, 6), torch.randn(20, 6)
    turn = torch.linalg.qr(torch.randn(6, 6)).Q
    expected = relation_loss(states, targets).item()
    assert 0.1 < expected < 1
    for moved in (states + 7, 1e-3 * states, 1e12 * states, states @ turn):
        assert relation_loss(moved, targets).item() == pytest.approx(expected, abs=1e-4)
    assert relation_loss(states, 3 * states @ turn - 1).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("states", [torch.randn(1, 4), torch.ones(9, 4)], ids=["single", "alike"])
def test_positions_that_do_not_differ_relate_to_nothing(states: torch.Tensor) -> None:
    states = states.clone().requires_grad_()
    loss = relation_loss(states, torch.randn(len(states), 4))
    loss.backward()
    assert loss.item() == 1
    assert states.grad is not None
    assert (states.grad == 0).all()
