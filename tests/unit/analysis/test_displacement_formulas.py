"""Tangent parts and cosines of displacements, against one position at a time in float64."""

import pytest
import torch
from torch import Tensor

from semalign.analysis.displacement.tangent import Reference, sizes, tangent, towards


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_tangent_part_is_what_a_projection_leaves() -> None:
    states, moves = random(7, 5), random(7, 5, seed=1)
    found = tangent(moves.float(), states.float())
    for h, u, part in zip(states, moves, found, strict=True):
        along = sum(float(a * b) for a, b in zip(u, h, strict=True)) / sum(float(a) ** 2 for a in h)
        torch.testing.assert_close(part, u - along * h, atol=1e-6, rtol=1e-5)
        assert abs(float(part @ h)) < 1e-6
    assert found.dtype == torch.float64


def test_a_state_of_zero_has_no_direction_to_remove() -> None:
    moves = random(2, 3)
    torch.testing.assert_close(tangent(moves, torch.zeros(2, 3)), moves)


def test_a_cosine_target_asks_for_the_sine_of_its_angle() -> None:
    states, targets = random(6, 4), random(6, 4, seed=2)
    found = towards(100 * targets, states)
    torch.testing.assert_close(found, towards(targets, states))  # a cosine gives no length
    cosines = torch.cosine_similarity(states, targets)
    torch.testing.assert_close(sizes(found, states), (1 - cosines.square()).sqrt())
    for t, h, part in zip(targets, states, found, strict=True):
        scaled = t * h.norm() / t.norm() - h
        torch.testing.assert_close(part, scaled - (scaled @ h) / (h @ h) * h)


def test_a_cosine_is_the_mean_over_the_other_seeds() -> None:
    known = {seed: random(5, 4, seed=10 + seed) for seed in (0, 1, 2)}
    reference, moves = Reference(known), random(5, 4, seed=3)
    found = reference.cosines(moves, reference.seeds_for(1))
    for row, cosine in enumerate(found):
        u = moves[row]
        slow = [float(u @ known[s][row] / u.norm() / known[s][row].norm()) for s in (0, 2)]
        assert float(cosine) == pytest.approx(sum(slow) / 2)


def test_the_ceiling_compares_each_pair_of_seeds_and_needs_two() -> None:
    known = {seed: random(6, 4, seed=20 + seed) for seed in (0, 1, 2)}
    reference = Reference(known)
    rows = [reference.cosines(known[seed], reference.seeds_for(seed, itself=True)) for seed in known]
    slow = [torch.cosine_similarity(known[a], known[b]).mean() for a, b in ((0, 1), (0, 2), (1, 2))]
    assert float(torch.stack(rows).mean()) == pytest.approx(float(torch.stack(slow).mean()))
    single = Reference({0: known[0]})
    assert single.cosines(known[0], single.seeds_for(0, itself=True)).isnan().all()


@pytest.mark.parametrize(
    ("seeds", "seed", "expected"),
    [([0, 1, 2], 1, [0, 2]), ([0, 1], None, [0, 1]), ([0], 0, [0]), ([0], 4, [0])],
)
def test_the_own_seed_is_left_out_if_there_are_others(
    seeds: list[int], seed: int | None, expected: list[int]
) -> None:
    assert Reference({each: random(2, 3) for each in seeds}).seeds_for(seed) == expected


def test_no_displacement_has_a_cosine_of_zero() -> None:
    reference = Reference({0: random(3, 4), 1: random(3, 4, seed=1)})
    assert reference.cosines(torch.zeros(3, 4), [0, 1]).tolist() == [0, 0, 0]
