"""Intervals of a mean and of the gap closed cover the truth as often as they claim, also with few seeds."""

import warnings

import numpy as np
import pandas as pd
import pytest
from simulated_studies import SETTINGS, answers, expected, plausible, scores, studies
from statsmodels.formula.api import mixedlm

from semalign.config.statistics import StatisticsSettings
from semalign.statistics.gap import gaps_closed
from semalign.statistics.intervals import mean_intervals, mean_replicates
from semalign.statistics.resampling import draw_counts
from semalign.statistics.scores import Scores
from semalign.statistics.seeds import pooled, seed_deviations, spread
from semalign.statistics.tables.contrasts import _joined

pytestmark = pytest.mark.slow

COUNT = 600
# seeds, deviation of items and of seeds (logits), samples per item, lowest and highest acceptable coverage
MEANS = [
    (1, 2.0, 0.0, 1, 0.94, 0.96),
    (1, 1.0, 0.0, 5, 0.94, 0.96),
    (2, 2.0, 0.4, 1, 0.95, 0.99),
    (3, 2.0, 0.0, 1, 0.95, 0.99),
    (3, 2.0, 0.2, 1, 0.95, 0.99),
    (3, 0.0, 0.4, 1, 0.94, 0.98),
    (3, 2.0, 0.8, 1, 0.94, 0.97),
    (3, 1.0, 0.4, 5, 0.94, 0.98),
    (5, 2.0, 0.0, 1, 0.95, 0.98),
    (5, 2.0, 0.2, 1, 0.95, 0.98),
    (5, 0.0, 0.8, 1, 0.94, 0.96),
    (5, 1.0, 0.4, 5, 0.94, 0.97),
]


def simulate(seeds: int, item_sd: float, seed_sd: float, samples: int = 1) -> list[Scores]:
    def draw(rng: np.random.Generator) -> Scores:
        logits = rng.normal(0, item_sd, (1, 150)) + rng.normal(0, seed_sd, (seeds, 1))
        return scores(answers(rng, logits, samples))

    return studies(COUNT, 7, draw)


@pytest.mark.parametrize(("seeds", "item_sd", "seed_sd", "samples", "least", "most"), MEANS)
def test_a_mean_is_covered(
    seeds: int, item_sd: float, seed_sd: float, samples: int, least: float, most: float
) -> None:
    found = mean_intervals(simulate(seeds, item_sd, seed_sd, samples), SETTINGS)
    assert plausible([interval.low <= 50 <= interval.high for interval in found], least, most)


def test_resampling_three_seeds_would_cover_too_rarely() -> None:
    """Why seeds are not bootstrapped: the hierarchical bootstrap on data with which the test above passes."""
    covered = []
    for given in simulate(3, 2.0, 0.8):
        drawn = np.random.default_rng(0)
        items = draw_counts(drawn, 400, 150) / 150
        rows = draw_counts(drawn, 400, 3) / 3
        means = np.einsum("rs,si,ri->r", rows, given.values, items, optimize=True)
        low, high = np.quantile(means, [0.025, 0.975])
        covered.append(low <= 50 <= high)
    assert plausible(covered, 0.8, 0.88)


@pytest.mark.parametrize("sizes", [(40, 40, 40, 40), (20, 40, 60, 80)])
@pytest.mark.parametrize(("seeds", "seed_sd", "most"), [(1, 0.0, 0.96), (5, 0.2, 0.98)])
def test_the_mean_over_benchmarks_is_covered(
    sizes: tuple[int, ...], seeds: int, seed_sd: float, most: float
) -> None:
    """Four fixed benchmarks with scores of 15 to 85 %, with equal weights whatever their size."""
    levels = (-2.0, -1.0, 1.0, 2.0)

    def draw(rng: np.random.Generator) -> Scores:
        luck = rng.normal(0, seed_sd, (seeds, 1))
        parts = [rng.normal(level, 1, (1, size)) for level, size in zip(levels, sizes, strict=True)]
        return _joined([scores(answers(rng, part + luck)) for part in parts])

    spread = float(np.hypot(1, seed_sd))
    truth = np.mean([expected(level, spread) for level in levels])
    found = mean_intervals(studies(COUNT, 3, draw), SETTINGS)
    assert plausible([interval.low <= truth <= interval.high for interval in found], 0.935, most)
    assert np.mean([interval.estimate for interval in found]) == pytest.approx(truth, abs=0.6)


@pytest.mark.parametrize(("seeds", "seed_sd", "most"), [(1, 0.0, 0.97), (3, 0.3, 0.99), (5, 0.3, 0.98)])
def test_the_gap_closed_is_covered(seeds: int, seed_sd: float, most: float) -> None:
    """Student, method and teacher are one and a half logits apart, on items of different difficulty."""
    student, method, teacher = (
        expected(level, np.hypot(1, sd)) for level, sd in ((-1.5, 0), (0, seed_sd), (1.5, 0))
    )
    truth, rng, covered = (method - student) / (teacher - student), np.random.default_rng(11), []
    for _ in range(400):
        level = rng.normal(0, 1, (1, 150))
        sides = [scores(answers(rng, level + move)) for move in (-1.5, 1.5)]
        trained = scores(answers(rng, level + rng.normal(0, seed_sd, (seeds, 1))))
        found = gaps_closed([trained], *sides, SETTINGS)[0]
        assert found is not None
        covered.append(found.low <= truth <= found.high)
    assert plausible(covered, 0.94, most)


def test_the_seeds_part_is_student_t_where_seeds_are_all() -> None:
    """With no noise but that of seeds, the bounds are those of the t interval over the seeds' means."""
    values = np.repeat(np.array([[40.0], [46.0], [55.0]]), 20, axis=1)
    drawn = seed_deviations(spread(values), 1 / 3, 400_000, 0)
    error = np.array([40, 46, 55]).std(ddof=1) / np.sqrt(3)
    assert np.quantile(drawn, [0.025, 0.975]) == pytest.approx([-4.3027 * error, 4.3027 * error], rel=0.02)
    twice = seed_deviations(spread(values), 4 / 3, 400_000, 0)
    assert twice == pytest.approx(2 * drawn)
    assert not np.array_equal(drawn, seed_deviations(spread(values), 1 / 3, 400_000, 0, stream=1))
    assert not seed_deviations(spread(values[:1]), 1.0, 10, 0).any()


def test_pooling_weighs_by_degrees_of_freedom() -> None:
    rng = np.random.default_rng(0)
    one, two = (spread(rng.normal(0, 1, (seeds, 30))) for seeds in (3, 5))
    found = pooled([one, two])
    assert (found.degrees, found.items) == (6, 30)
    assert found.between == pytest.approx((2 * one.between + 4 * two.between) / 6)
    assert found.residual == pytest.approx((2 * one.residual + 4 * two.residual) / 6)
    single = spread(rng.normal(0, 1, (1, 30)))
    assert pooled([single, two]) == two
    assert pooled([single, single]) == single


def test_variances_are_those_of_a_mixed_model() -> None:
    """Compare seed variance and the mean's error with crossed random effects of items and seeds, fitted by REML."""
    rng = np.random.default_rng(4)
    values = 50 + rng.normal(0, 8, (12, 1)) + rng.normal(0, 10, (1, 25)) + rng.normal(0, 12, (12, 25))
    seed, item = np.indices(values.shape).reshape(2, -1)
    frame = pd.DataFrame({"score": values.ravel(), "seed": seed, "item": item, "all": 1})
    effects = {"seed": "0 + C(seed)", "item": "0 + C(item)"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a group variable of one level
        fit = mixedlm("score ~ 1", frame, groups="all", vc_formula=effects, re_formula="0").fit(reml=True)
    variances = dict(zip(sorted(effects), fit.vcomp, strict=True))
    assert spread(values).variance == pytest.approx(variances["seed"], rel=0.01)
    assert spread(values).residual == pytest.approx(fit.scale, rel=0.01)
    drawn = mean_replicates([scores(values)], StatisticsSettings(resamples=40_000))[0]
    assert drawn.std() == pytest.approx(fit.bse["Intercept"], rel=0.15)
