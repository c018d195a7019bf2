"""Paired tests, Holm's correction and the detectable difference; test_coverage_paired.py simulates them."""

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.corrections import holm
from semalign.statistics.paired import mcnemar, paired_difference, paired_differences
from semalign.statistics.power import detectable_difference
from semalign.statistics.scores import SCALE, Scores

SETTINGS = StatisticsSettings(resamples=1000)


def scores(values: np.ndarray, seeds: tuple[int, ...] | None = None) -> Scores:
    return Scores(np.asarray(values, dtype=float), seeds or tuple(range(len(values))))


def simulate(
    rng: np.random.Generator,
    studies: int,
    seeds: tuple[int, int],
    *,
    shift: float = 0.0,
    seed_sd: float = 0.0,
) -> list[tuple[Scores, Scores]]:
    """Two methods on 150 shared items; `shift` moves the first, seeds of both vary by `seed_sd` (logits)."""
    pairs = []
    for _ in range(studies):
        level = rng.normal(0, 2, 150)
        sides = [
            level + move + rng.normal(0, seed_sd, (n, 1)) for n, move in zip(seeds, (shift, 0.0), strict=True)
        ]
        left, right = ((rng.random(side.shape) < 1 / (1 + np.exp(-side))) * SCALE for side in sides)
        pairs.append((scores(left), scores(right)))
    return pairs


def positives(pairs: list[tuple[Scores, Scores]]) -> float:
    return float(np.mean([found.p < 0.05 for found in paired_differences(pairs, SETTINGS)]))


def test_p_values_allow_for_seeds_that_differ() -> None:
    """Seeds with a deviation of 4 points: items alone would claim an effect in every seventh study."""
    pairs = simulate(np.random.default_rng(5), 800, (5, 5), seed_sd=0.2)
    averaged = [tuple(scores(side.item_means[None]) for side in pair) for pair in pairs]
    assert positives(pairs) < 0.09
    assert positives([(left, right) for left, right in averaged]) > 0.11


def test_one_seed_is_exact_mcnemar() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.random(80) < 0.5, rng.random(80) < 0.35
    table = [[np.sum(a & b) for b in (right, ~right)] for a in (left, ~left)]
    expected = statsmodels_mcnemar(np.array(table), exact=True).pvalue
    found = paired_difference(scores(left[None] * SCALE), scores(right[None] * SCALE), SETTINGS)
    assert found.test == "mcnemar"
    assert found.p == pytest.approx(expected, rel=1e-12)
    assert found.discordance == pytest.approx(np.mean(left != right))
    assert mcnemar(left, left) == 1.0


@pytest.mark.parametrize("changes", [(3, 0), (6, 0), (9, 2), (20, 8)])
def test_the_bootstrap_test_tends_to_mcnemar(changes: tuple[int, int]) -> None:
    """Equal seeds add nothing, so the sign flips must give McNemar's p-value for few or many differing items."""
    better, worse = changes
    student, method = np.zeros((1, 100)), np.zeros((2, 100))
    student[0, :worse] = SCALE
    method[:, 50 : 50 + better] = SCALE
    found = paired_difference(scores(method), scores(student), StatisticsSettings(resamples=40_000))
    assert found.test == "bootstrap"
    assert found.p == pytest.approx(mcnemar(method[0], student[0]), abs=0.01)
    assert found.estimate == pytest.approx(better - worse)


def test_left_and_right_are_symmetric() -> None:
    ((left, right),) = simulate(np.random.default_rng(1), 1, (3, 3), shift=0.5)
    there, back = paired_difference(left, right, SETTINGS), paired_difference(right, left, SETTINGS)
    assert there.estimate == pytest.approx(-back.estimate)
    assert there.p == pytest.approx(back.p, abs=0.01)
    assert there.discordance == back.discordance
    same = paired_difference(left, left, SETTINGS)
    assert (same.estimate, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_equal_seeds_are_paired() -> None:
    """An effect of a seed on both methods cancels only if the seeds are the same."""
    rng = np.random.default_rng(9)
    luck = np.linspace(-1.5, 1.5, 4)[:, None]
    left = (rng.random((4, 400)) < 1 / (1 + np.exp(-luck))) * SCALE
    right = left.copy()
    right[:, :20] = SCALE - right[:, :20]
    paired = paired_difference(scores(left, (0, 1, 2, 3)), scores(right, (0, 1, 2, 3)), SETTINGS)
    apart = paired_difference(scores(left, (0, 1, 2, 3)), scores(right, (4, 5, 6, 7)), SETTINGS)
    assert paired.estimate == pytest.approx(apart.estimate)
    assert apart.high - apart.low > 2 * (paired.high - paired.low)
    assert paired.seed_variance < apart.seed_variance


def test_fractional_scores_are_allowed() -> None:
    rng = np.random.default_rng(2)
    found = paired_difference(scores(rng.random((1, 50)) * 100), scores(rng.random((1, 50)) * 60), SETTINGS)
    assert found.test == "bootstrap"
    assert found.low <= found.estimate <= found.high
    assert paired_differences([], SETTINGS) == []


def test_holm_by_hand() -> None:
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert list(found) == ["a", "b", "c", "d"]
    assert holm({}) == {}


@pytest.mark.parametrize(("discordance", "items"), [(0.3, 150), (0.1, 400)])
def test_detectable_difference_is_found_four_times_in_five(discordance: float, items: int) -> None:
    delta = detectable_difference(discordance, items, alpha=0.05, power=0.8)
    assert delta is not None
    share = delta / SCALE
    chances = [(discordance + share) / 2, (discordance - share) / 2, 1 - discordance]
    drawn = np.random.default_rng(4).multinomial(items, chances, size=3000)
    statistic = (drawn[:, 0] - drawn[:, 1]) / np.sqrt(drawn[:, 0] + drawn[:, 1])
    assert np.mean(np.abs(statistic) > 1.959964) == pytest.approx(0.8, abs=0.03)


def test_detectable_difference_moves_the_right_way() -> None:
    base = detectable_difference(0.2, 150, alpha=0.05, power=0.8)
    assert base is not None
    for change in (
        detectable_difference(0.3, 150, alpha=0.05, power=0.8),
        detectable_difference(0.2, 75, alpha=0.05, power=0.8),
        detectable_difference(0.2, 150, alpha=0.01, power=0.8),
        detectable_difference(0.2, 150, alpha=0.05, power=0.9),
        detectable_difference(0.2, 150, alpha=0.05, power=0.8, seed_variance=4.0),
    ):
        assert change is not None and change > base
    assert detectable_difference(0.0, 150, alpha=0.05, power=0.8) is None
