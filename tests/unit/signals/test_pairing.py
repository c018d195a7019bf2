"""Pairing rules: the depth rule against the paper's formulas in fractions, the others against values by hand."""

import random
from fractions import Fraction

import pytest

from semalign.config.signals import Pairing
from semalign.runtime.errors import UserError
from semalign.signals.pairing import choose_pairs, depth_map, from_rows, interpolation, student_for, to_rows

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
    (pair,) = choose_pairs([7], 24, 12, Pairing())
    assert (pair.student, pair.teacher, pair.below, pair.above, pair.weight) == (4, 8, 8, 8, 0.0)


def test_interpolation_can_be_switched_off() -> None:
    (pair,) = choose_pairs([2], 4, 3, Pairing(interpolate=False))
    assert (pair.student, pair.below, pair.above, pair.weight) == (2, 2, 2, 0.0)


def test_fractional_ratio_is_interpolated() -> None:
    (pair,) = choose_pairs([2], 4, 3, Pairing())
    assert (pair.student, pair.teacher, pair.below, pair.above) == (2, 2, 2, 3)
    assert pair.weight == pytest.approx(2 / 3)


def test_two_critical_layers_of_one_student_layer_give_one_pair() -> None:
    pairs = choose_pairs([3, 4, 1], 4, 3, Pairing(pairs=3))
    assert [(p.student, p.critical) for p in pairs] == [(1, 1), (3, 3)]


def test_more_pairs_than_layers_are_all_distinct_ones() -> None:
    pairs = choose_pairs([3, 4, 1, 2], 4, 3, Pairing(pairs=50))
    assert [(p.student, p.critical) for p in pairs] == [(1, 1), (2, 2), (3, 3)]


@pytest.mark.parametrize(("teacher", "student"), DEPTHS)
def test_all_pairs_every_student_layer_with_its_counterpart(teacher: int, student: int) -> None:
    ranking = list(range(1, teacher + 1))
    pairs = choose_pairs(ranking, teacher, student, Pairing(pairs="all"))
    assert [p.student for p in pairs] == list(range(1, student + 1))
    for pair in pairs:
        exact = Fraction(teacher, student) * pair.student
        assert pair.teacher == pair.critical == max(1, exact.numerator // exact.denominator)
        if teacher % student and teacher > 1:
            below = max(1, min(exact.numerator // exact.denominator, teacher - 1))
            assert (pair.below, pair.above) == (below, below + 1)
            assert pair.weight == pytest.approx(float(min(Fraction(1), max(Fraction(0), exact - below))))
        else:
            assert (pair.below, pair.above, pair.weight) == (pair.teacher, pair.teacher, 0.0)
    plain = choose_pairs(ranking, teacher, student, Pairing(pairs="all", interpolate=False))
    assert all(p.below == p.above == p.teacher and p.weight == 0 for p in plain)


@pytest.mark.parametrize(("teacher", "student"), DEPTHS)
def test_a_segment_gives_each_student_layer_its_most_critical_teacher_layer(
    teacher: int, student: int
) -> None:
    """Compared with a search through every segment, for a ranking without order."""
    ranking = random.Random(teacher).sample(range(1, teacher + 1), teacher)
    pairs = choose_pairs(ranking, teacher, student, Pairing(rule="segment", pairs="all"))
    assert [p.student for p in pairs] == list(range(1, student + 1))
    assert all(p.below == p.above == p.teacher == p.critical and p.weight == 0 for p in pairs)
    for pair in pairs:
        segment = [t for t in ranking if student_for(t, teacher, student) == pair.student]
        assert pair.teacher == (segment[0] if segment else depth_map(pair.student, teacher, student))
    sources = [p.teacher for p in pairs]
    assert sources == sorted(sources)
    assert teacher < student or len(set(sources)) == student  # no source layer is shared
    by_depth = choose_pairs(ranking, teacher, student, Pairing(pairs="all", interpolate=False))
    assert teacher < student or len({p.teacher for p in by_depth}) == student


def test_the_first_pairs_by_segment_are_those_of_the_most_critical_layers() -> None:
    ranking = [3, 4, 7, 1, 8, 2, 5, 6]  # segments of 4 student layers: 1 2, 3 4, 5 6, 7 8
    for count, expected in ((1, [(2, 3)]), (2, [(2, 3), (4, 7)]), (3, [(1, 1), (2, 3), (4, 7)])):
        pairs = choose_pairs(ranking, 8, 4, Pairing(rule="segment", pairs=count))
        assert [(p.student, p.teacher) for p in pairs] == expected
    every = choose_pairs(ranking, 8, 4, Pairing(rule="segment", pairs="all"))
    assert every == choose_pairs(ranking, 8, 4, Pairing(rule="segment", pairs=9))
    assert [(p.student, p.teacher) for p in every] == [(1, 1), (2, 3), (3, 5), (4, 7)]


@pytest.mark.parametrize("rule", ["cka", "last", "random"])
def test_all_is_refused_where_a_rule_leaves_student_layers_out(rule: str) -> None:
    with pytest.raises(ValueError, match=f"pairs: found `all` with rule `{rule}`"):
        Pairing(rule=rule, pairs="all")


def test_last_layers_whatever_is_critical() -> None:
    (pair,) = choose_pairs([1, 2, 3, 4], 4, 3, Pairing(rule="last"))
    assert (pair.student, pair.teacher, pair.critical) == (3, 4, 4)
    assert (pair.below, pair.above, pair.weight) == (4, 4, 0.0)
    two = choose_pairs([1, 2, 3, 4], 4, 3, Pairing(rule="last", pairs=2))
    assert [(p.student, p.teacher) for p in two] == [(2, 3), (3, 4)]
    assert len(choose_pairs([1, 2], 2, 3, Pairing(rule="last", pairs=9))) == 2


def test_random_layers_hang_on_the_seed_alone() -> None:
    def draw(seed: int, pairs: int = 1) -> list[tuple[int, int]]:
        settings = Pairing(rule="random", pairs=pairs, seed=seed)
        first, second = choose_pairs([2, 1], 8, 6, settings), choose_pairs([5, 8], 8, 6, settings)
        assert first == second and all(p.below == p.above == p.teacher == p.critical for p in first)
        return [(p.student, p.teacher) for p in first]

    drawn = [draw(seed)[0] for seed in range(400)]
    assert {student for student, _ in drawn} == set(range(1, 7))
    assert {teacher for _, teacher in drawn} == set(range(1, 9))
    assert len(set(drawn)) > 40  # out of 48: the two layers are drawn independently
    assert set(draw(3, 2)) < set(draw(3, 4)) and draw(3, 6) == draw(3, 60)
    many = draw(3, 60)
    assert [student for student, _ in many] == [1, 2, 3, 4, 5, 6] and len({t for _, t in many}) == 6


def test_random_layers_of_a_fixed_seed() -> None:
    """Every version must draw the same layers, because configs name only the seed."""
    pairs = choose_pairs([1], 8, 6, Pairing(rule="random", pairs=3))
    assert [(p.student, p.teacher) for p in pairs] == [(3, 7), (4, 8), (6, 4)]


def test_most_alike_layer_and_who_keeps_it() -> None:
    ranking = [4, 2, 3, 1]
    likeness = [[0.1, 0.9, 0.3], [0.2, 0.95, 0.4], [0.7, 0.5, 0.7]]
    pairs = choose_pairs(ranking, 4, 3, Pairing(rule="cka", pairs=3), likeness)
    assert [(p.student, p.teacher, p.critical) for p in pairs] == [(1, 3, 3), (2, 4, 4)]
    assert all((p.below, p.above, p.weight) == (p.teacher, p.teacher, 0.0) for p in pairs)


def test_layers_without_cka_are_never_chosen() -> None:
    nan, inf = float("nan"), float("inf")
    (pair,) = choose_pairs([4], 4, 3, Pairing(rule="cka"), [[nan, inf, -0.1]])
    assert pair.student == 3
    with pytest.raises(UserError, match="teacher layer 4: found no student layer with a finite CKA"):
        choose_pairs([4], 4, 3, Pairing(rule="cka"), [[nan, nan, inf]])


def test_rows_round_trip() -> None:
    pairs = choose_pairs([2, 1], 4, 3, Pairing(pairs=2))
    assert from_rows(to_rows(pairs)) == pairs
