"""Per-token values: weighted means with intervals, and the table of agreement with the teacher."""

from pathlib import Path

import numpy as np
import pytest
from simulated_studies import SETTINGS, plausible, scores

from semalign.config.statistics import StatisticsSettings
from semalign.runtime.columns import COLUMNS
from semalign.runtime.errors import UserError
from semalign.runtime.files import write_json, write_jsonl
from semalign.runtime.provenance import Run
from semalign.statistics.intervals import percentile_bounds
from semalign.statistics.paired import paired_differences
from semalign.statistics.ratios import linearised, ratio_intervals
from semalign.statistics.resampling import ItemResampler
from semalign.statistics.scores import Scores
from semalign.statistics.tables.agreement import agreement_rows
from semalign.statistics.tables.cells import read_cell, read_groups
from semalign.statistics.tables.compare import compare
from semalign.statistics.tables.order import Order

COUNT, ITEMS = 500, 120


def draw(rng: np.random.Generator, seeds: int, seed_sd: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens of the items, and the KL of student `[1, items]` and method `[seeds, items]`.

    Items with many tokens have less KL, so a plain mean would be wrong.
    """
    tokens = 1 + rng.poisson(4, ITEMS)
    level = rng.gamma(2, 1 / tokens)
    luck = np.exp(rng.normal(0, seed_sd, (seeds, 1)))
    return tokens, level[None], 0.5 * luck * level * rng.gamma(5, 0.2, (seeds, ITEMS))


def truths(seed_sd: float) -> tuple[float, float]:
    """The method's KL per token (each item adds 2 nats, 5 tokens on average), and its difference from the student's."""
    method = 0.5 * np.exp(seed_sd**2 / 2) * 2 / 5
    return method, method - 2 / 5


@pytest.mark.parametrize(("seeds", "seed_sd"), [(1, 0.0), (3, 0.0), (3, 0.2), (5, 0.2)])
def test_a_weighted_mean_and_its_difference_are_covered(seeds: int, seed_sd: float) -> None:
    rng, methods, pairs = np.random.default_rng(1), [], []
    for _ in range(COUNT):
        tokens, student, method = draw(rng, seeds, seed_sd)
        methods.append(scores(linearised(method, tokens), trained=True))
        pairs.append((methods[-1], scores(linearised(student, tokens))))
    value, difference = truths(seed_sd)
    found = ratio_intervals(methods, SETTINGS, (0.0, np.inf))
    assert plausible([i.low <= value <= i.high for i in found], 0.93, 0.99)
    apart = paired_differences(pairs, SETTINGS)
    assert plausible([d.low <= difference <= d.high for d in apart], 0.93, 0.99)
    assert np.mean([d.estimate for d in apart]) == pytest.approx(difference, rel=0.03)


def test_linearised_values_stand_for_the_ratio_of_sums() -> None:
    tokens, student, method = draw(np.random.default_rng(3), 1, 0.0)
    assert linearised(method, tokens).mean() == pytest.approx((method * tokens).sum() / tokens.sum())
    resampler = ItemResampler(ITEMS, 20_000, 0)
    sums = resampler.means(np.concatenate([method * tokens, student * tokens, tokens[None]]))
    exact = [percentile_bounds(row, 0.95) for row in (sums[0] / sums[2], (sums[0] - sums[1]) / sums[2])]
    settings = StatisticsSettings(resamples=20_000)
    left, right = (scores(linearised(values, tokens)) for values in (method, student))
    ours = ratio_intervals([left], settings, (0.0, np.inf))[0]
    apart = paired_differences([(left, right)], settings)[0]
    for (low, high), found in zip(exact, (ours, apart), strict=True):
        assert [found.low, found.high] == pytest.approx([low, high], abs=0.1 * (high - low))


def test_weights_may_be_0_but_not_all() -> None:
    found = linearised(np.array([[1.0, 3.0, 9.0]]), np.array([1.0, 1.0, 0.0]))
    assert found[0, 2] == found.mean() == 2
    for weights in (np.zeros(3), np.array([1.0, -1.0, 1.0])):
        with pytest.raises(ValueError, match="expected some above 0"):
            linearised(np.ones((1, 3)), weights)


def test_intervals_are_cut_at_the_bounds_of_the_figure() -> None:
    certain, wide = Scores(np.zeros((1, 9)), (0,)), Scores(np.array([[0.0, 100.0, 100.0]]), (0,))
    assert vars(ratio_intervals([certain], SETTINGS, (0, 100))[0]) == {"estimate": 0, "low": 0, "high": 0}
    found = ratio_intervals([wide], SETTINGS, (0, 100))[0]
    assert 0 <= found.low < found.high == 100


def write_cell(root: Path, name: str, kl: list[float | None], tokens: list[int]) -> Path:
    """Write a sealed cell whose items have this KL; agreement falls with it."""
    rows = [
        {
            "id": f"item-{i:02d}",
            "correct": i % 2,
            "teacher_kl": value,
            "teacher_agreement": None if value is None else 1 - value / 2,
            "answer_tokens": None if value is None else count,
        }
        for i, (value, count) in enumerate(zip(kl, tokens, strict=True))
    ]
    folder = root / name
    write_jsonl(folder / "items.jsonl", rows)
    write_json(folder / "metrics.json", {"score": 50.0, "items": len(rows)})
    Run("evaluate").seal(folder)
    return folder


def test_the_table(tmp_path: Path) -> None:
    tokens = [1, 2, 3, 4, 5, 6]
    cells = [
        write_cell(tmp_path, "p/b/student/default/seed0", [0.8, 1.0, 0.6, 0.9, 0.7, None], tokens),
        write_cell(tmp_path, "p/b/m/default/seed0", [0.4, 0.6, 0.2, 0.5, 0.3, None], tokens),
        write_cell(tmp_path, "p/b/m/default/seed1", [0.5, 0.7, 0.3, 0.6, 0.4, None], tokens),
        write_cell(tmp_path, "p/b/m/axis~1/seed0", [None] * 6, tokens),
        write_cell(tmp_path, "p/b/other/default/seed0", [0.0] * 5 + [None], tokens),
    ]
    order = Order(pairs=["p"], benchmarks=["b"], methods=["student", "m", "other"])
    results = compare(read_groups(cells), order, SETTINGS)
    student, method, other = rows = agreement_rows(results, order, SETTINGS)
    assert all(set(row) == set(COLUMNS["agreement"]) for row in rows)
    assert [row["method"] for row in rows] == ["student", "m", "other"]
    assert (method["seeds"], method["items"]) == (2, 5)
    expected = np.average([0.8, 1.0, 0.6, 0.9, 0.7], weights=tokens[:5])
    assert student["teacher_kl"] == pytest.approx(expected)
    assert student["teacher_agreement"] == pytest.approx(100 * (1 - expected / 2))
    assert student["kl_vs_student"] is student["agreement_vs_student_high"] is None
    assert method["kl_vs_student"] == pytest.approx(-0.35)
    assert method["agreement_vs_student"] == pytest.approx(17.5)
    assert method["kl_vs_student_low"] < -0.35 < method["kl_vs_student_high"]
    assert [other[f"teacher_kl{end}"] for end in ("", "_low", "_high")] == [0, 0, 0]
    assert other["teacher_agreement_low"] == 100


def test_without_a_student_there_are_no_differences(tmp_path: Path) -> None:
    cell = write_cell(tmp_path, "p/b/m/default/seed0", [0.4, 0.6], [1, 2])
    order = Order(pairs=["p"], benchmarks=["b"], methods=["m"])
    (row,) = agreement_rows(compare(read_groups([cell]), order, SETTINGS), order, SETTINGS)
    assert row["kl_vs_student"] is None and row["teacher_kl"] == pytest.approx(1.6 / 3)


def test_impossible_figures_of_an_item_are_refused(tmp_path: Path) -> None:
    cell = write_cell(tmp_path, "p/b/m/default/seed0", [0.4, 3.0], [1, 2])
    with pytest.raises(UserError, match=r"items.jsonl:2: -0.5 of 2 tokens agree"):
        read_cell(cell)
