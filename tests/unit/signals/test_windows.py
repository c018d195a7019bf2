"""Windows of a matrix and factors of a window, compared with slow direct computation."""

import numpy as np
import pytest
import torch
from slow_references import brute_force

from semalign.runtime.errors import UserError
from semalign.signals.extraction import windows as windows_module
from semalign.signals.extraction.windows import Window, first_maximum, window_sums
from semalign.training.low_rank import principal_factors


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((9, 7), (4, 3)),
        ((9, 7), (9, 7)),
        ((5, 8), (1, 8)),
        ((5, 8), (5, 1)),
        ((4, 4), (1, 1)),
        ((1, 1), (1, 1)),
    ],
)
def test_windows_are_those_of_a_double_loop(monkeypatch, size, shape) -> None:
    monkeypatch.setattr(windows_module, "STRIP", 3)
    scores = np.abs(np.random.default_rng(0).standard_normal(size)).astype(np.float32)
    expected, best = brute_force(scores, shape)
    found = window_sums(torch.tensor(scores), shape)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-12)
    assert found.dtype == torch.float64
    assert first_maximum(found) == best


def test_among_equal_windows_the_first_one_row_by_row_is_taken() -> None:
    scores = torch.zeros(6, 6)
    scores[1, 4] = scores[4, 0] = scores[4, 4] = 2.0
    assert (
        first_maximum(window_sums(scores, (2, 2))) == brute_force(scores.numpy(), (2, 2))[1] == Window(0, 3)
    )
    assert first_maximum(window_sums(torch.ones(5, 5), (2, 3))) == Window(0, 0)


def test_a_small_value_beside_a_large_one_is_not_lost() -> None:
    scores = torch.full((64, 64), 1e-6)
    scores[0, 0] = 1e3
    scores[-1, -1] = 2e-6  # float32 sums would not resolve the difference
    sums = window_sums(scores[:, 1:], (8, 8))
    assert first_maximum(sums) == Window(56, 55)


def test_factors_are_the_best_of_their_rank_with_all_of_sigma_in_b_and_fixed_signs() -> None:
    matrix = torch.tensor(np.random.default_rng(0).standard_normal((7, 5)), dtype=torch.float32)
    b, a = principal_factors(matrix, 3)
    left, values, right = np.linalg.svd(matrix.double().numpy(), full_matrices=False)
    np.testing.assert_allclose(
        (b.double() @ a.double()).numpy(), left[:, :3] * values[:3] @ right[:3], atol=1e-6
    )
    np.testing.assert_allclose(b.double().norm(dim=0).numpy(), values[:3], rtol=1e-6)
    np.testing.assert_allclose((a @ a.T).numpy(), np.eye(3), atol=1e-6)
    assert all(row[row.abs().argmax()] > 0 for row in a)
    assert (b.dtype, a.dtype) == (torch.float32, torch.float32)
    flipped = principal_factors(-matrix, 3)
    torch.testing.assert_close(flipped.a, a)
    torch.testing.assert_close(flipped.b, -b)
    with pytest.raises(UserError, match=r"lora.rank: found 6, expected at most 5"):
        principal_factors(matrix, 6)
