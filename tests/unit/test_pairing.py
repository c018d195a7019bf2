"""The pairing rules against the paper's formulas, computed in fractions."""

from fractions import Fraction

import pytest

from semalign.config.signals import Pairing
from semalign.pairing import depth_map, from_rows, interpolation, pair_layers, student_for, to_rows

DEPTHS = [(40, 32), (4, 3), (32, 32), (24, 12), (5, 7), (1, 3), (30, 24)]


@pytest.mark.parametrize(("teacher", "student"), DEPTHS)
def test_depth_map_is_the_floor_of_the_ratio(teacher: int, student: int) -> None:
    for layer in range(1, student + 1):
        exact = Fraction(teacher, student) * layer
        assert depth_map(layer, teacher, student) == max(1, exact.numerator // exact.denominator)


@pytest.mark.parametrize(("teacher", "student"), DEPTHS)
def test_a_critical_layer_goes_to_the_nearest_deeper_or_equal_student(teacher: int, student: int) -> None:
    for critical in range(1, teacher + 1):
        reached = [k for k in range(1, student + 1) if depth_map(k, teacher, student) >= critical]
        assert student_for(critical, teacher, student) == (min(reached) if reached else student)


def test_interpolation_of_llama_13b_to_7b() -> None:
    assert interpolation(1, 40, 32) == (1, 2, 0.25)
    assert interpolation(16, 40, 32) == (20, 21, 0.0)
    assert interpolation(31, 40, 32) == (38, 39, 0.75)
    assert interpolation(32, 40, 32) == (39, 40, 1.0)


def test_whole_ratios_are_not_interpolated() -> None:
    (pair,) = pair_layers([7], 24, 12, Pairing())
    assert (pair.student, pair.teacher, pair.below, pair.above, pair.weight) == (4, 8, 8, 8, 0.0)


def test_interpolation_can_be_switched_off() -> None:
    (pair,) = pair_layers([2], 4, 3, Pairing(interpolate=False))
    assert (pair.student, pair.below, pair.above, pair.weight) == (2, 2, 2, 0.0)


def test_fractional_ratio_is_interpolated() -> None:
    (pair,) = pair_layers([2], 4, 3, Pairing())
    assert (pair.student, pair.teacher, pair.below, pair.above) == (2, 2, 2, 3)
    assert pair.weight == pytest.approx(2 / 3)


def test_two_critical_layers_of_one_student_layer_give_one_pair() -> None:
    pairs = pair_layers([3, 4, 1], 4, 3, Pairing(layers=3))
    assert [(p.student, p.critical) for p in pairs] == [(1, 1), (3, 3)]


def test_rows_round_trip() -> None:
    pairs = pair_layers([2, 1], 4, 3, Pairing(layers=2))
    assert from_rows(to_rows(pairs)) == pairs
