"""Fitted maps, compared with direct solutions and known maps."""

import pytest
import torch
from torch import Tensor

from semalign.signals.semantics.maps import apply_map, fit_map, unit_states
from semalign.signals.semantics.maps.from_states import RIDGE, least_squares, procrustes
from semalign.signals.semantics.registry import FITTED_MAPS


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def orthonormal(rows: int, columns: int, seed: int = 5) -> Tensor:
    """Orthonormal rows, or columns if these are fewer."""
    return (
        torch.linalg.svd(draw(rows, columns, seed=seed), full_matrices=False).Vh
        if rows <= columns
        else (orthonormal(columns, rows, seed).T)
    )


def mean_cosine(found: Tensor, expected: Tensor) -> float:
    return float(torch.cosine_similarity(found, expected, dim=-1).mean())


@pytest.mark.parametrize("positions", [300, 12])  # more and fewer positions than the teacher's width
def test_least_squares_is_the_solution_of_the_stacked_system(positions: int) -> None:
    teacher, student = unit_states(draw(positions, 20, seed=1)), draw(positions, 8, seed=2)
    ridge = (RIDGE * positions / 20) ** 0.5 * torch.eye(20, dtype=torch.float64)
    system = torch.cat([teacher, ridge]), torch.cat([student, torch.zeros(20, 8, dtype=torch.float64)])
    expected = torch.linalg.lstsq(*system).solution.T
    torch.testing.assert_close(least_squares(teacher, student), expected, rtol=1e-9, atol=1e-9)


def test_least_squares_finds_the_map_behind_the_states() -> None:
    truth, teacher = draw(8, 20), draw(400, 20, seed=1) * 7
    student = apply_map(truth, teacher)
    found = fit_map("least-squares", teacher.float(), student.float())
    assert found.dtype == torch.float64 and found.shape == (8, 20)
    torch.testing.assert_close(found, truth, rtol=0.05, atol=0.05)
    assert mean_cosine(apply_map(found, draw(50, 20, seed=9)), apply_map(truth, draw(50, 20, seed=9))) > 0.999


def test_least_squares_is_stable_with_few_positions() -> None:
    """For nearly equal states, a solution without ridge follows noise of 1e-6; with the ridge, it does not."""
    alike = draw(1, 64) + 1e-6 * draw(10, 64, seed=1)
    found = least_squares(unit_states(alike), draw(10, 8, seed=2))
    assert found.isfinite().all() and found.norm() < 100
    assert torch.linalg.lstsq(unit_states(alike), draw(10, 8, seed=2)).solution.norm() > 1e4


@pytest.mark.parametrize(("width_t", "width_s"), [(20, 8), (8, 8), (8, 20)])
def test_procrustes_finds_an_orthogonal_map_whatever_its_scale(width_t: int, width_s: int) -> None:
    truth, teacher = orthonormal(width_s, width_t), draw(4000, width_t, seed=1)
    found = fit_map("procrustes", teacher, 30 * apply_map(truth, teacher))
    torch.testing.assert_close(found, truth, rtol=0, atol=0.05)
    short = min(width_t, width_s)
    gram = found @ found.T if width_s <= width_t else found.T @ found
    torch.testing.assert_close(gram, torch.eye(short, dtype=torch.float64))
    torch.testing.assert_close(fit_map("procrustes", teacher, apply_map(truth, teacher)), found)


def test_no_other_orthogonal_map_has_a_larger_sum() -> None:
    teacher, student = unit_states(draw(60, 20, seed=1)), draw(60, 8, seed=2)

    def total(matrix: Tensor) -> float:
        return float((student * (teacher @ matrix.T)).sum())

    best = total(procrustes(teacher, student))
    assert all(total(orthonormal(8, 20, seed)) < best for seed in range(50))
    # a small rotation of the best map loses a little
    turn = torch.linalg.matrix_exp(0.05 * (draw(8, 8) - draw(8, 8).T))
    assert best * 0.9 < total(turn @ procrustes(teacher, student)) < best


def test_procrustes_maps_what_no_position_determines_to_zero() -> None:
    teacher, student = unit_states(draw(3, 20, seed=1)), draw(3, 8, seed=2)
    values = torch.linalg.svdvals(procrustes(teacher, student))
    torch.testing.assert_close(values, torch.tensor([1, 1, 1, 0, 0, 0, 0, 0], dtype=torch.float64))


@pytest.mark.parametrize("name", FITTED_MAPS)
def test_fits_are_not_centred(name: str) -> None:
    """The common direction of the student's states must be part of every target."""
    teacher = draw(200, 12, seed=1) + 2
    student = draw(200, 8, seed=2) + 5
    assert mean_cosine(apply_map(fit_map(name, teacher, student), teacher), student) > 0.9


@pytest.mark.parametrize("name", FITTED_MAPS)
def test_length_of_the_teacher_states_does_not_matter(name: str) -> None:
    teacher, student = draw(30, 12, seed=1), draw(30, 8, seed=2)
    lengths = torch.rand(30, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.1
    torch.testing.assert_close(fit_map(name, teacher * lengths, student), fit_map(name, teacher, student))


def test_a_map_of_heads_is_not_fitted() -> None:
    with pytest.raises(ValueError, match="pinv is not fitted"):
        fit_map("pinv", draw(3, 4), draw(3, 2))
