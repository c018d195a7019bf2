"""Resampling, intervals of a mean and of the gap closed, against direct code; test_coverage.py has the rest."""

import numpy as np
import pytest
from scipy import stats

from semalign.config.statistics import StatisticsSettings
from semalign.statistics import resampling
from semalign.statistics.gap import gaps_closed
from semalign.statistics.intervals import mean_interval, mean_intervals
from semalign.statistics.resampling import ItemResampler, draw_counts
from semalign.statistics.scores import SCALE, Scores
from semalign.statistics.seeds import spread

SETTINGS = StatisticsSettings(resamples=1000)


def simulate(
    rng: np.random.Generator, studies: int, seeds: int, items: int, *, item_sd: float, seed_sd: float
) -> np.ndarray:
    """Scores `[studies, seeds, items]`, all 0 or 100, mean 50 %; seeds and items vary in difficulty."""
    logits = rng.normal(0, item_sd, (studies, 1, items)) + rng.normal(0, seed_sd, (studies, seeds, 1))
    return SCALE * (rng.random((studies, seeds, items)) < 1 / (1 + np.exp(-logits)))


def scores(values: np.ndarray) -> Scores:
    return Scores(values, tuple(range(len(values))))


def test_seed_noise_needs_the_seeds_part() -> None:
    """If training seeds differ, resampling items alone covers too rarely: the seeds' contribution is necessary."""
    data = simulate(np.random.default_rng(7), 800, 5, 150, item_sd=1.0, seed_sd=0.4)
    both = mean_intervals([scores(values) for values in data], SETTINGS)
    items_only = mean_intervals([scores(values.mean(axis=0, keepdims=True)) for values in data], SETTINGS)
    covered = [np.mean([i.low <= 50 <= i.high for i in found]) for found in (items_only, both)]
    assert covered[0] < 0.85
    assert covered[1] > 0.9


def test_one_seed_agrees_with_scipy() -> None:
    values = simulate(np.random.default_rng(0), 1, 1, 600, item_sd=1.0, seed_sd=0.0)[0]
    ours = mean_interval(scores(values), StatisticsSettings(resamples=20_000))
    theirs = stats.bootstrap(
        (values[0],), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    widening = np.sqrt(600 / 599)
    assert ours.low == pytest.approx(values.mean() + (theirs.low - values.mean()) * widening, abs=0.3)
    assert ours.high == pytest.approx(values.mean() + (theirs.high - values.mean()) * widening, abs=0.3)


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0, (0.0, 0.0, 16.8433)), (SCALE, (100.0, 83.1567, 100.0))]
)
def test_no_spread_gives_the_exact_binomial_interval(value: float, expected: tuple[float, ...]) -> None:
    found = mean_interval(scores(np.full((2, 20), value)), SETTINGS)
    assert (found.estimate, found.low, found.high) == pytest.approx(expected, abs=1e-3)


def test_few_right_items_of_one_run_give_the_exact_binomial_interval() -> None:
    found = []
    for right in range(13):
        values = np.zeros((1, 40))
        values[0, :right] = SCALE
        found.append(mean_interval(scores(values), SETTINGS))
    assert (found[1].low, found[1].high) == pytest.approx(
        (0.0633, 13.1586), abs=1e-3
    )  # Clopper and Pearson's
    for bound in ("estimate", "low", "high"):
        values = [getattr(interval, bound) for interval in found]
        assert values[:10] == sorted(values[:10])
    assert found[12].high != pytest.approx(SCALE * stats.binomtest(12, 40).proportion_ci().high, abs=1e-6)


def test_a_method_does_not_depend_on_the_others() -> None:
    data = simulate(np.random.default_rng(3), 4, 3, 40, item_sd=1.0, seed_sd=0.3)
    together = mean_intervals([scores(values) for values in data], SETTINGS)
    for values, found in zip(data, together, strict=True):
        alone = mean_interval(scores(values), SETTINGS)
        assert (alone.low, alone.high) == pytest.approx((found.low, found.high), abs=1e-9)


def test_means_equal_a_direct_loop() -> None:
    values = np.random.default_rng(0).random((2, 7))
    drawn = draw_counts(np.random.default_rng([5, 7]), 50, 7)
    assert (drawn.sum(axis=1) == 7).all()
    expected = np.empty((2, 50))
    for row in range(2):
        for sample in range(50):
            mean = sum(drawn[sample, item] * values[row, item] for item in range(7)) / 7
            expected[row, sample] = values[row].mean() + (mean - values[row].mean()) * np.sqrt(7 / 6)
    np.testing.assert_allclose(ItemResampler(7, 50, 5).means(values), expected, atol=1e-12)


def test_chunks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random((2, 9))
    whole, flips = ItemResampler(9, 64, 1).means(values), ItemResampler(9, 64, 1).flipped_means(values)
    monkeypatch.setattr(resampling, "_CHUNK", 9 * 16)
    np.testing.assert_allclose(ItemResampler(9, 64, 1).means(values), whole, atol=1e-12)
    np.testing.assert_allclose(ItemResampler(9, 64, 1).flipped_means(values), flips, atol=1e-12)


def test_variance_between_seeds_is_that_of_the_seeds_alone() -> None:
    rng = np.random.default_rng(2)
    estimates = []
    for _ in range(1500):
        values = rng.normal(0, 2, (5, 1)) + rng.normal(0, 9, (1, 40)) + rng.normal(0, 3, (5, 40))
        estimates.append(spread(values).variance)
    assert np.mean(estimates) == pytest.approx(4, rel=0.08)


def test_gap_is_undefined_without_a_gap() -> None:
    rng = np.random.default_rng(1)
    weak, equal, strong = ((rng.random((1, 100)) < share) * SCALE for share in (0.2, 0.22, 0.8))
    method = scores((rng.random((4, 100)) < 0.5) * SCALE)
    assert gaps_closed([method], scores(weak), scores(equal), SETTINGS) == [None]
    assert gaps_closed([method], scores(strong), scores(weak), SETTINGS) == [None]
    found = gaps_closed([method, scores(strong), scores(weak)], scores(weak), scores(strong), SETTINGS)
    assert found[0] is not None and 0 < found[0].low < found[0].estimate < found[0].high < 1
    for known, share in zip(found[1:], (1.0, 0.0), strict=True):
        assert known is not None and (known.estimate, known.low, known.high) == pytest.approx((share,) * 3)


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="expected"):
        Scores(np.zeros((2, 5)), (0,))
    with pytest.raises(ValueError, match="at least 1 item"):
        Scores(np.zeros((1, 0)), (0,))
