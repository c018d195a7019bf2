"""The doses: drop of the layer loss, which trainings are doses of one target, and what they did to the answers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compared_cells import write_compared, write_training
from fabricated_cells import read_csv, write_tables
from statsmodels.stats.multitest import multipletests

from semalign.config.statistics import StatisticsSettings
from semalign.runtime.columns import COLUMNS
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_jsonl, write_jsonl
from semalign.statistics.tables.agreement import agreement_rows
from semalign.statistics.tables.cells import read_cell, read_groups
from semalign.statistics.tables.compare import compare
from semalign.statistics.tables.dose import dose_rows
from semalign.statistics.tables.losses import layer_loss
from semalign.statistics.tables.order import Axis, Order
from semalign.statistics.tables.rows import Row, sorted_groups

SETTINGS = StatisticsSettings(resamples=400)
ORDER = Order(
    pairs=["p"],
    benchmarks=["a"],
    methods=["student", "m", "sft"],
    axes={
        "m": {
            "learning_rate": Axis(default="searched", values=["0.1"]),
            "map": Axis(default="pinv", values=["random"]),
        }
    },
    doses={"m": ["learning_rate~0.1"]},
)
HALF, ALL, NONE = [0, 1] * 4, [1] * 8, [0] * 8


def rows_of(cells: list[Path], order: Order = ORDER) -> list[Row]:
    results = compare(sorted_groups(read_groups(cells), order), order, SETTINGS)
    return dose_rows(results, agreement_rows(results, order, SETTINGS), order)


def write_doses(root: Path) -> list[Path]:
    """A student, a method with two seeds and two variants (one of them another dose), a method without a loss."""
    return [
        write_compared(root, "p/a/student/default/seed0", HALF, [0.4] * 8),
        write_compared(
            root, "p/a/m/default/seed0", HALF, [0.3] * 8, [0.8] + 18 * [0.7] + [0.4], learning_rate=1e-3
        ),
        write_compared(
            root, "p/a/m/default/seed1", ALL, [0.3] * 8, [1.2] + 18 * [0.7] + [0.6], learning_rate=1e-3
        ),
        write_compared(
            root, "p/a/m/learning_rate~0.1/seed0", NONE, [0.9] * 8, [0.8] + 19 * [0.1], learning_rate=0.1
        ),
        write_compared(root, "p/a/m/map~random/seed0", NONE, [0.9] * 8, [1.0, 0.5]),
        write_compared(root, "p/a/sft/default/seed0", ALL, [0.1] * 8),
    ]


def history_of(losses: Sequence[float], rates: Sequence[float] | None = None) -> list[dict[str, float]]:
    rates = rates or [0.1] * len(losses)
    return [
        {"step": step, "learning_rate": rate, "layer": loss, "label": 2.0}
        for step, (rate, loss) in enumerate(zip(rates, losses, strict=True), start=1)
    ]


def test_the_ends_of_a_training_without_epochs_are_tenths() -> None:
    found = layer_loss(history_of([1 / step for step in range(1, 41)]))
    assert found and (found.first, found.logged, found.updates) == (1.0, 1, 40)
    assert found.last == pytest.approx(np.mean([1 / step for step in (37, 38, 39, 40)]))
    first, second = (np.mean([1 / step for step in window]) for window in ((1, 2, 3, 4), (5, 6, 7, 8)))
    assert found.extended == pytest.approx(1.5 * first - 0.5 * second)
    assert found.error > (first - second) / 2
    short = layer_loss(history_of([1.0, 0.5, 0.3]))
    assert short and (short.last, short.extended, short.noise) == (pytest.approx(0.3), None, 0)
    assert layer_loss([{"step": 1, "label": 2.0}]) is layer_loss([]) is None


def test_whole_epochs_have_no_noise_of_batches() -> None:
    batches = np.array(
        [0.7, 1.3, 0.9, 1.1]
    )  # how hard each of the four batches of an epoch is; their mean is 1
    losses = [*batches, *(0.9 * batches[::-1]), *(0.8 * batches)]
    found = layer_loss(history_of(losses), epochs=3)
    assert found and (found.extended, found.error) == (pytest.approx(1.05), pytest.approx(0.05))
    assert found.last == pytest.approx(0.8) and found.noise == pytest.approx(np.std(batches, ddof=1))
    sparse = layer_loss([row for row in history_of(losses) if row["step"] % 2 == 0], epochs=3)
    assert sparse and (sparse.extended, sparse.logged) == (None, 2)  # half the batches are not an epoch


def test_the_end_is_that_of_the_last_round() -> None:
    rates = [0.5, 1.0, *np.linspace(0.9, 0.1, 3)]
    history = history_of([*[0.9] * 10, 0.9, 0.5, 0.4, 0.3, 0.2], rates * 3)
    found = layer_loss(history, epochs=3)
    assert found and (found.first, found.updates) == (0.9, 15)
    assert found.last == pytest.approx((0.5 + 0.4 + 0.3 + 0.2) / 4)  # the fifth row from the end is warm-up
    assert found.extended == pytest.approx(0.9)


@pytest.mark.parametrize(("spread", "fall", "start"), [(0.25, 0.02, 0.8), (0.01, 1.0, 0.8)])
def test_the_better_estimate_of_the_start_is_taken(
    tmp_path: Path, spread: float, fall: float, start: float
) -> None:
    """Noisy batches with a gentle fall, or a steep fall with little noise: both starts are found within 3 percent."""
    rng, cells = np.random.default_rng(0), [write_compared(tmp_path, "p/a/student/default/seed0", HALF)]
    ends = []
    for seed in range(2):
        hard = np.concatenate([1 + spread * rng.permutation(np.linspace(-1, 1, 10)) for _ in range(5)])
        losses = start * hard * (0.2 + 0.8 * np.exp(-fall * np.arange(50) / 10))
        ends.append(losses[-10:].mean())
        cell = write_compared(tmp_path, f"p/a/m/default/seed{seed}", ALL)
        write_training(cell, history_of(losses.tolist()), {"optimisation": {"epochs": 5, "steps": None}})
        cells.append(cell)
    _, row = rows_of(cells)
    assert row["loss_start"] == pytest.approx(start, rel=0.03)
    assert row["loss_end"] == pytest.approx(np.mean(ends))
    firsts = [read_jsonl(cell / "transfer" / "history.jsonl")[0]["layer"] for cell in cells[1:]]
    used = np.mean(firsts) == pytest.approx(row["loss_start"])
    assert used == (spread < fall)


def test_terms_of_other_rows_are_left_out() -> None:
    history: list[dict[str, Any]] = [
        {"step": 1, "other": 1.0},
        {"step": 2, "layer": 0.6},
        {"step": 9, "layer": None},
    ]
    found = layer_loss(history)
    assert found and (found.first, found.last, found.logged, found.updates) == (0.6, 0.6, 2, 9)


def test_doses_of_one_target_share_their_start(tmp_path: Path) -> None:
    student, default, high = rows = rows_of(write_doses(tmp_path))
    assert all(set(row) == set(COLUMNS["dose"]) for row in rows)
    assert [row["variant"] for row in rows] == ["default", "default", "learning_rate~0.1"]
    assert default["loss_start"] == high["loss_start"] == pytest.approx(1.0)
    # the last tenth of 20 updates are two
    assert default["loss_end"] == pytest.approx((0.55 + 0.65) / 2)
    ends = [default[f"drop{end}"] for end in ("", "_low", "_high")]
    assert ends == pytest.approx([0.4, 0.35, 0.45])
    assert (high["drop"], high["updates"], high["learning_rate"]) == (pytest.approx(0.9), 20, "0.1")
    assert (student["method"], student["drop"], student["drop_high"], student["updates"]) == (
        "student",
        0,
        0,
        0,
    )
    assert student["loss_start"] is student["learning_rate"] is student["vs_student"] is None


def test_effects_are_those_of_the_other_tables(tmp_path: Path) -> None:
    student, default, high = rows_of(write_doses(tmp_path))
    assert [row["score"] for row in (student, default, high)] == [50, 75, 0]
    assert (default["vs_student"], high["vs_student"]) == (25, -50)
    assert [row["teacher_kl"] for row in (student, default, high)] == pytest.approx([0.4, 0.3, 0.9])
    assert high["kl_vs_student"] == pytest.approx(0.5)
    assert default["teacher_agreement_low"] == pytest.approx(92.5)


def test_the_tests_of_the_doses_are_one_family(tmp_path: Path) -> None:
    cells = write_doses(tmp_path)
    results = compare(sorted_groups(read_groups(cells), ORDER), ORDER, SETTINGS)
    rows = [row for row in dose_rows(results, [], ORDER) if row["method"] == "m"]
    raw = [
        comparison.difference.p
        for (key, against), comparison in results.comparisons.items()
        if against == "student" and key.variant in ("default", "learning_rate~0.1") and key.method == "m"
    ]
    assert [row["vs_student_p"] for row in rows] == multipletests(raw, method="holm")[1].tolist()
    assert rows[0]["teacher_kl"] is None  # nothing was compared with the teacher


def test_a_long_training_does_not_give_the_start(tmp_path: Path) -> None:
    cells = write_doses(tmp_path)
    write_training(cells[3], [{"step": 10, "layer": 0.2}, {"step": 1000, "layer": 0.1}])
    _, default, high = rows_of(cells)
    assert (
        (high["loss_start"], high["updates"]) == (default["loss_start"], 1000) == (pytest.approx(1.0), 1000)
    )


def test_a_loss_that_starts_at_zero_has_no_relative_drop(tmp_path: Path) -> None:
    cells = write_doses(tmp_path)[:3]
    for cell in cells[1:]:
        write_training(cell, [{"step": 1, "layer": 1e-9}, {"step": 2, "layer": 0.1}])
    _, row = rows_of(cells)
    assert row["drop"] is row["drop_low"] is None and row["loss_end"] == pytest.approx(0.1)


def test_without_a_layer_loss_there_is_no_row(tmp_path: Path) -> None:
    cells = write_doses(tmp_path)
    assert rows_of([cells[0], cells[5]]) == []
    assert [row["method"] for row in rows_of(cells[1:3])] == ["m"]


@pytest.mark.parametrize("kind", ["layers in turn", "a phase without the loss"])
def test_phases_with_other_losses_are_no_dose(tmp_path: Path, kind: str) -> None:
    losses, in_turn = [0.9, 0.9, 0.1, 0.1], kind == "layers in turn"
    cell = write_compared(tmp_path, "p/a/m/default/seed0", ALL, [0.1] * 8, losses)
    history = history_of(losses) if in_turn else [*history_of(losses), {"step": 5, "kl": 1.0}]
    write_training(cell, history, {"order": "shallow-to-deep"} if in_turn else {"order": "joint"})
    assert rows_of([cell]) == []


def test_parts_have_the_losses_of_the_whole_training(tmp_path: Path) -> None:
    parts = ["x"] * 4 + ["y"] * 4
    cells = [
        write_compared(tmp_path, "p/a/student/default/seed0", NONE, parts=parts),
        write_compared(tmp_path, "p/a/m/default/seed0", [0] * 4 + [1] * 4, losses=[1.0, 0.2], parts=parts),
    ]
    rows = rows_of(cells, ORDER.model_copy(update={"parts": {"a": ["x", "y"]}}))
    found = [(row["benchmark"], row["score"], row["drop"]) for row in rows if row["method"] == "m"]
    assert found == [("a", 50, 0.8), ("a/x", 0, 0.8), ("a/y", 100, 0.8)]


def test_an_edited_history_is_refused(tmp_path: Path) -> None:
    cell = write_doses(tmp_path)[1]
    path = cell / "transfer" / "history.jsonl"
    rows = read_jsonl(path)
    write_jsonl(path, [*rows[:-1], {**rows[-1], "layer": 0.0}])
    with pytest.raises(UserError, match=r"history\.jsonl: does not match its provenance"):
        read_cell(cell)
    loss = read_cell(cell, verify=False).layer_loss
    assert loss and loss.last == pytest.approx(0.35)


def test_the_file(tmp_path: Path) -> None:
    write_tables(write_doses(tmp_path / "cells"), ORDER, SETTINGS, tmp_path / "tables")
    rows = read_csv(tmp_path / "tables" / "dose.csv")
    assert list(rows[0]) == list(COLUMNS["dose"])
    assert [(row["learning_rate"], row["drop"]) for row in rows] == [
        ("", "0.0000"),
        ("0.001", "0.4000"),
        ("0.1", "0.9000"),
    ]
