"""The choice of channels in a feed-forward network, and the refit of the down-projection."""

import numpy as np
import pytest
import torch
from pruning_cases import batches, documents, logits, pico

from semalign.models.pruning.calibration import refit
from semalign.models.pruning.feed_forward import importance, keep_channels, refit_down


def test_the_refit_is_numpys_least_squares() -> None:
    random = np.random.default_rng(0)
    activations, down = random.normal(size=(50, 9)), random.normal(size=(4, 9))
    kept = torch.tensor([0, 2, 3, 7, 8])
    gram = torch.tensor(activations.T @ activations / 50)
    found = refit_down(torch.tensor(down), gram, kept, ridge=0.0)
    expected = np.linalg.lstsq(activations[:, kept.numpy()], activations @ down.T, rcond=None)[0].T
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-9)


def test_a_ridge_pulls_to_the_prior_where_the_data_say_nothing() -> None:
    gram = torch.diag(torch.tensor([1.0, 0.0], dtype=torch.float64))
    cross = torch.tensor([[3.0, 0.0]], dtype=torch.float64)
    prior = torch.tensor([[1.0, 5.0]], dtype=torch.float64)
    found = refit(cross, gram, prior, 1e-6)
    torch.testing.assert_close(found, torch.tensor([[3.0, 5.0]], dtype=torch.float64), rtol=0, atol=1e-5)


def test_importance_is_activation_times_column() -> None:
    activations = torch.tensor([[1.0, 2.0], [3.0, 0.0]], dtype=torch.float64)
    down = torch.tensor([[3.0, 0.0], [4.0, 1.0]])
    gram = activations.T @ activations / 2
    expected = torch.tensor([5**0.5 * 5, 2**0.5], dtype=torch.float64)
    torch.testing.assert_close(importance(gram, down), expected)


def test_all_channels_give_the_same_model() -> None:
    model = pico()
    same = keep_channels(model, batches(), model.config.intermediate_size)
    torch.testing.assert_close(logits(same, documents()), logits(model, documents()), rtol=0, atol=1e-4)


def test_channels_that_do_nothing_are_the_ones_to_go() -> None:
    model = pico()
    dead = [1, 4, 5, 30]
    for layer in model.model.layers:
        layer.mlp.down_proj.weight[:, dead] = 0
    smaller = keep_channels(model, batches(), 28)
    assert smaller.config.intermediate_size == 28
    torch.testing.assert_close(logits(smaller, documents()), logits(model, documents()), rtol=0, atol=1e-3)


@pytest.mark.parametrize("ridge", [1e-4])
def test_the_refit_beats_the_bare_cut(ridge: float) -> None:
    model = pico()
    refitted = keep_channels(model, batches(), 20, ridge)
    bare = keep_channels(model, batches(), 20, 1e9)  # an infinite ridge leaves the columns unchanged
    reference = logits(model, documents())
    errors = [(logits(each, documents()) - reference).square().mean() for each in (refitted, bare)]
    assert errors[0] < errors[1]
