"""Paired differences: coverage, false positives and power, with few seeds and several benchmarks."""

import numpy as np
import pytest
from simulated_studies import SETTINGS, answers, expected, plausible, scores

from semalign.statistics.corrections import holm
from semalign.statistics.paired import Difference, Pair, paired_difference, paired_differences
from semalign.statistics.power import detectable_difference
from semalign.statistics.scores import Scores
from semalign.statistics.tables.contrasts import _joined

pytestmark = pytest.mark.slow

COUNT = 600


def simulate(
    seeds: tuple[int, int],
    seed_sd: tuple[float, float],
    shift: float = 0.0,
    *,
    samples: int = 1,
    apart: int = 0,
) -> list[Pair]:
    """Two methods on 150 items; `shift` (logits) moves the first, with `apart` the second has other seeds."""
    rng, pairs = np.random.default_rng(5), []
    for _ in range(COUNT):
        level = rng.normal(0, 2, (1, 150))
        left, right = (
            answers(rng, level + move + rng.normal(0, sd, (n, 1)), samples)
            for move, n, sd in zip((shift, 0.0), seeds, seed_sd, strict=True)
        )
        pairs.append((scores(left, trained=True), scores(right, apart, trained=seed_sd[1] > 0)))
    return pairs


def rates(pairs: list[Pair], truth: float = 0.0) -> tuple[list[bool], list[bool], list[Difference]]:
    """For each study: whether the truth is covered, and whether a difference is claimed."""
    found = paired_differences(pairs, SETTINGS)
    return [d.low <= truth <= d.high for d in found], [d.p < 0.05 for d in found], found


# seeds and their deviation (logits) of left and right, samples per item, lowest acceptable false positives
NULLS = [
    ((1, 1), (0.0, 0.0), 1, 0.03),
    ((3, 3), (0.0, 0.0), 1, 0.0),
    ((3, 3), (0.2, 0.2), 1, 0.01),
    ((3, 3), (0.8, 0.8), 1, 0.03),
    ((5, 5), (0.0, 0.0), 1, 0.01),
    ((5, 5), (0.4, 0.4), 1, 0.03),
    ((5, 5), (0.4, 0.4), 5, 0.03),
    ((3, 1), (0.4, 0.0), 1, 0.01),
    ((5, 1), (0.4, 0.0), 1, 0.02),
]


@pytest.mark.parametrize(("seeds", "seed_sd", "samples", "least"), NULLS)
def test_no_effect_is_claimed_as_often_as_allowed(
    seeds: tuple[int, int], seed_sd: tuple[float, float], samples: int, least: float
) -> None:
    covered, claimed, _ = rates(simulate(seeds, seed_sd, samples=samples))
    assert plausible(claimed, least, 0.055)
    assert plausible(covered, 0.94, 0.995)


@pytest.mark.parametrize("seeds", [(3, 3), (5, 3), (2, 5)])
@pytest.mark.parametrize("trained", [False, True])
def test_seeds_of_their_own_are_independent(seeds: tuple[int, int], trained: bool) -> None:
    """`trained` methods share one spread between seeds; otherwise each has its own."""
    pairs = [
        (scores(left.values, trained=trained), right) for left, right in simulate(seeds, (0.4, 0.4), apart=10)
    ]
    covered, claimed, _ = rates(pairs)
    assert plausible(claimed, 0.0, 0.055)
    assert plausible(covered, 0.94, 0.995)


def test_a_trained_method_of_one_seed_borrows_the_others_spread() -> None:
    """An ablation with one seed against a default with five: treated as a fixed model, it would seem to differ."""
    pairs = simulate((1, 5), (0.4, 0.4))
    covered, claimed, _ = rates(pairs)
    assert plausible(claimed, 0.01, 0.055)
    assert plausible(covered, 0.94, 0.99)
    fixed = [(scores(left.values), right) for left, right in pairs]
    assert plausible(rates(fixed)[1], 0.15, 0.4)


@pytest.mark.parametrize(("seeds", "seed_sd"), [((1, 1), 0.0), ((3, 3), 0.3), ((5, 5), 0.3), ((3, 1), 0.3)])
def test_an_effect_is_covered(seeds: tuple[int, int], seed_sd: float) -> None:
    other = seed_sd if seeds[1] > 1 else 0.0
    truth = expected(0.7, float(np.hypot(2, seed_sd))) - expected(0, float(np.hypot(2, other)))
    covered, _, found = rates(simulate(seeds, (seed_sd, other), shift=0.7), truth)
    assert plausible(covered, 0.94, 0.99)
    assert np.mean([d.estimate for d in found]) == pytest.approx(truth, abs=0.7)


@pytest.mark.parametrize("shifts", [(0.0, 0.0, 0.0, 0.0), (1.2, -1.2, 0.6, -0.6)])
@pytest.mark.parametrize(("seeds", "seed_sd"), [(1, 0.0), (5, 0.2)])
def test_a_contrast_over_several_benchmarks(shifts: tuple[float, ...], seeds: int, seed_sd: float) -> None:
    """Benchmarks of 20 to 80 items have equal weights; differences that cancel out leave the mean unchanged."""
    levels, sizes = (-1.0, 1.0, 0.0, 0.0), (20, 40, 60, 80)
    spread = float(np.hypot(1, seed_sd))
    truth = np.mean(
        [expected(at + move, spread) - expected(at, spread) for at, move in zip(levels, shifts, strict=True)]
    )
    rng, pairs = np.random.default_rng(2), []
    for _ in range(COUNT):
        luck = rng.normal(0, seed_sd, (2, seeds, 1))
        sides: tuple[list[Scores], list[Scores]] = ([], [])
        for at, size, move in zip(levels, sizes, shifts, strict=True):
            items = rng.normal(at, 1, (1, size))
            for side, moved in enumerate((move, 0.0)):
                sides[side].append(scores(answers(rng, items + moved + luck[side])))
        pairs.append((_joined(sides[0]), _joined(sides[1])))
    covered, claimed, _ = rates(pairs, float(truth))
    assert plausible(covered, 0.93, 0.985)
    if abs(truth) < 0.01:
        assert plausible(claimed, 0.015, 0.07)


@pytest.mark.parametrize(("seeds", "seed_sd"), [(1, 0.0), (3, 0.2), (5, 0.2)])
def test_holm_keeps_a_family_of_correlated_tests(
    monkeypatch: pytest.MonkeyPatch, seeds: int, seed_sd: float
) -> None:
    """With no effect and 12 tests against one method, at most 5 % of the studies make a false claim."""
    monkeypatch.setattr(
        "gc.collect", lambda: 0
    )  # statsmodels runs the garbage collector in each call: 20 s here
    rng, wrong, alone = np.random.default_rng(3), [], []
    for _ in range(300):
        logits = rng.normal(0, 1, 100) + rng.normal(0, seed_sd, (13, seeds, 1))
        drawn = answers(rng, logits)
        found = paired_differences([(scores(method), scores(drawn[0])) for method in drawn[1:]], SETTINGS)
        p_values = {index: difference.p for index, difference in enumerate(found)}
        wrong.append(min(holm(p_values).values()) < 0.05)
        alone.append(min(p_values.values()) < 0.05)
    assert plausible(wrong, 0.0, 0.05)
    assert np.mean(alone) > 1.5 * max(0.05, np.mean(wrong))


@pytest.mark.parametrize(
    ("seeds", "seed_sd", "shift"), [(1, 0.0, 0.9), (3, 0.0, 0.9), (3, 0.3, 1.5), (5, 0.0, 0.6), (5, 0.3, 0.8)]
)
def test_the_detectable_difference_is_found_as_often_as_asked(
    seeds: int, seed_sd: float, shift: float
) -> None:
    """The detectable difference at the power that studies with an effect show is that effect."""
    pairs = simulate((seeds, seeds), (seed_sd, seed_sd), shift=shift)
    _, claimed, found = rates(pairs)
    settings = {
        name: float(np.mean([getattr(d, name) for d in found])) for name in ("seed_variance", "seed_noise")
    }
    items = float(np.mean([d.item_discordance for d in found]))
    power = float(np.mean(claimed))
    assert 0.55 < power < 0.95
    delta = detectable_difference(items, 150, alpha=0.05, power=power, seeds=found[0].seeds, **settings)
    truth = expected(shift, float(np.hypot(2, seed_sd))) - expected(0, float(np.hypot(2, seed_sd)))
    assert delta == pytest.approx(truth, rel=0.1)


def test_what_few_seeds_can_never_show_is_not_detectable() -> None:
    assert detectable_difference(0.2, 150, alpha=0.0002, power=0.8, seeds=2, seed_noise=5.0) is None
    known = detectable_difference(0.2, 150, alpha=0.05, power=0.8)
    certain = detectable_difference(0.2, 150, alpha=0.05, power=0.8, seeds=3)
    assert certain == pytest.approx(known, rel=0.01)


def test_one_seed_says_nothing_of_other_seeds() -> None:
    pair = scores(np.eye(1, 30) * 100), scores(np.zeros((1, 30)))
    found = paired_difference(*pair, SETTINGS)
    assert (found.seeds, found.seed_variance, found.seed_noise) == (1, 0.0, 0.0)
