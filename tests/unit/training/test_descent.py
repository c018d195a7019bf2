"""Descent to the best state on Adam's path, and the divergence from a spread distribution, in slow float64 formulas."""

import math

import pytest
import torch

from semalign.training.descent import descend
from semalign.training.taught import spread

COUNTS = [3, 1, 2]


def bowls(rows: torch.Tensor) -> torch.Tensor:
    """One value per row, with a minimum that differs between rows."""
    places = torch.arange(len(rows), dtype=rows.dtype)[:, None]
    return ((rows - places).square() * (1 + places)).sum(-1) + rows.sin().sum(-1)


def coupled(rows: torch.Tensor) -> torch.Tensor:
    """As `bowls`, but each row's value depends on the rows before it in its group."""
    parts = [part.cumsum(0) for part in rows.split(COUNTS)]
    return bowls(torch.cat(parts))


def slow_path(start: torch.Tensor, steps: int, rate: float) -> list[torch.Tensor]:
    """All states on the path, with Adam written out."""
    rows, first, second = start.clone(), torch.zeros_like(start), torch.zeros_like(start)
    path = [rows]
    for t in range(1, steps + 1):
        at = rows.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(coupled(at).sum(), at)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        rows = rows - rate * first / (1 - 0.9**t) / ((second / (1 - 0.999**t)).sqrt() + 1e-8)
        path.append(rows)
    return path


@pytest.mark.parametrize("rate", [0.05, 0.7, 5.0])
def test_each_group_gets_its_best_state_on_adams_path(rate: float) -> None:
    torch.manual_seed(0)
    start = torch.randn(6, 4, dtype=torch.float64)
    found = descend(start, coupled, 25, rate, COUNTS)
    path = slow_path(start, 25, rate)
    values = torch.stack([torch.stack([part.sum() for part in coupled(x).split(COUNTS)]) for x in path])
    expected = [path[best] for best in values.argmin(0).tolist()]
    rows = [group for group, count in enumerate(COUNTS) for _ in range(count)]
    slow = torch.stack([expected[group][row] for row, group in enumerate(rows)])
    torch.testing.assert_close(found, slow, atol=1e-10, rtol=1e-10)
    assert not found.requires_grad


def test_without_counts_every_row_is_its_own_group() -> None:
    torch.manual_seed(1)
    start = torch.randn(5, 3, dtype=torch.float64)
    whole = descend(start, bowls, 20, 2.0)
    assert torch.equal(whole, descend(start, bowls, 20, 2.0, [1] * 5))
    assert (bowls(whole) <= bowls(start)).all()
    assert (bowls(whole) < bowls(start)).any()


def test_values_that_are_not_finite_leave_the_start() -> None:
    start = torch.ones(2, 3)
    assert torch.equal(descend(start, lambda rows: rows.sum(-1) * math.nan, 3, 0.1), start)


def test_the_divergence_from_a_spread_distribution_is_the_slow_formula() -> None:
    torch.manual_seed(2)
    tokens = torch.tensor([6, 0, 3])
    log_probs = torch.randn(4, 3, dtype=torch.float64).log_softmax(-1)
    logits = 3 * torch.randn(4, 8, dtype=torch.float64)
    taught = spread(log_probs, tokens, 8)
    q = logits.softmax(-1)
    slow = [
        sum(
            float(p) * math.log(p / q[row, token])
            for p, token in zip(log_probs[row].exp(), tokens, strict=True)
        )
        for row in range(4)
    ]
    assert taught.divergence(logits).tolist() == pytest.approx(slow, rel=1e-12)
    assert taught.probs.sum(-1).tolist() == pytest.approx([1.0] * 4)
    assert taught.probs[:, [1, 2, 4, 5, 7]].abs().max() == 0
    same = taught.to("cpu")
    assert torch.equal(same.probs, taught.probs) and torch.equal(same.negentropy, taught.negentropy)
