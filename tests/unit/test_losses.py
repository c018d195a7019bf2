"""Each loss against its formula, slowly, in float64."""

import math

import pytest
import torch

from semalign.losses import cosine_logits, cross_entropy, layer_loss


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


def test_cross_entropy(numbers) -> None:
    logits, labels = numbers
    expected = -sum(
        row[label] - math.log(sum(math.exp(z) for z in row))
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True)
    )
    assert float(cross_entropy(logits, labels)) == pytest.approx(expected / 7, abs=1e-6)
