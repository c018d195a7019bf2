"""Gradient times activation, compared with finite differences in float64."""

from pathlib import Path

import pytest
import torch

from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import Batch, collate, encode
from semalign.config.signals import Attribution
from semalign.models.anatomy import layers_of
from semalign.models.loading import load_model, load_tokenizer
from semalign.signals.attribution import rank_layers, score_layers, supervised_loss


@pytest.fixture(scope="module")
def subject(pico_pair: tuple[Path, Path], pico_benchmark: Path) -> tuple[object, list[Batch]]:
    model = load_model(pico_pair[0], dtype=torch.float64)
    tokenizer = load_tokenizer(pico_pair[0])
    examples = read_split(pico_benchmark, "extract")[:2]
    return model, [collate([encode(example, tokenizer)], 0) for example in examples]


def directional_derivative(model, batch, layer: int, step: float = 3e-3) -> float:
    """d loss / d s at s = 1 for a layer output scaled by s, which is the sum of gradient times activation.

    The step is coarse because norms compute in float32 in any model.
    """

    def loss_at(scale: float) -> float:
        hook = layers_of(model)[layer - 1].register_forward_hook(
            lambda _m, _a, out: scale * out if torch.is_tensor(out) else (scale * out[0], *out[1:])
        )
        with torch.no_grad():
            logits = model(batch.input_ids).logits
        hook.remove()
        return float(torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch.labels.flatten()))

    return (loss_at(1 + step) - loss_at(1 - step)) / (2 * step)


def test_signed_score_is_the_derivative_of_scaling_the_layer(subject) -> None:
    model, batches = subject
    scores = score_layers(model, batches, Attribution(reduction="signed"))
    for row, batch in zip(scores, batches, strict=True):
        for layer, score in enumerate(row, start=1):
            assert score == pytest.approx(directional_derivative(model, batch, layer), rel=2e-3, abs=1e-4)


def test_default_takes_the_absolute_value_of_each_example(subject) -> None:
    model, batches = subject
    signed = score_layers(model, batches, Attribution(reduction="signed"))
    absolute = score_layers(model, batches, Attribution())
    assert absolute == [[abs(score) for score in row] for row in signed]


def test_sum_of_absolute_values_bounds_the_sum(subject) -> None:
    model, batches = subject
    bound = score_layers(model, batches, Attribution(reduction="abs-sum"))
    plain = score_layers(model, batches, Attribution())
    assert all(b > p for rows in zip(bound, plain, strict=True) for b, p in zip(*rows, strict=True))


def test_no_parameter_gets_a_gradient(subject) -> None:
    model, batches = subject
    score_layers(model, batches, Attribution())
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in model.parameters())


def test_ranking_is_by_mean_and_ties_go_to_the_shallower() -> None:
    assert rank_layers([[1.0, 3.0, 1.0], [1.0, 1.0, 3.0]]) == [2, 3, 1]


def test_loss_ignores_unsupervised_positions() -> None:
    logits = torch.zeros(1, 3, 4)
    logits[0, 0] = torch.tensor([50.0, 0, 0, 0])
    labels = torch.tensor([[-100, 2, 3]])
    assert float(supervised_loss(logits, labels)) == pytest.approx(torch.log(torch.tensor(4.0)).item())
