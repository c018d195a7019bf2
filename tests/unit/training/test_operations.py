"""Operations of a training estimated from few updates, compared with counting all of them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from semalign.config.optimisation import Optimisation
from semalign.runtime.counting import counting
from semalign.training import operations
from semalign.training.checkpoint import Checkpoint
from semalign.training.loop import Budget, train
from semalign.training.operations import Updates, once

STEPS = 150
SIZES = [
    [float(a), float(a * b), float(c)] for a, b, c in np.random.default_rng(0).integers(20, 40, (STEPS, 3))
]


def run(checkpoint: Checkpoint | None = None, last: int | None = None, sized: bool = True) -> int:
    """Operations of a training whose products grow linearly with the three sizes, and with a part done once."""
    weight = torch.nn.Parameter(torch.ones(1, 1))
    filled: set[int] = set()

    def batches(step: int) -> list[float]:
        if step == last:
            raise KeyboardInterrupt
        if step % 50 not in filled:
            filled.add(step % 50)
            with once(f"part {step % 50}"):
                torch.ones(100, 1) @ torch.ones(1, 1)
        return SIZES[step]

    def loss(size: list[float]) -> dict[str, torch.Tensor]:
        return {str(n): (torch.ones(int(rows), 1) @ weight).mean() for n, rows in enumerate(size)}

    budget = Budget(STEPS, Optimisation(learning_rate=1e-3, steps=STEPS, batch_size=4))
    size = (lambda size: size) if sized else None
    with counting() as counter:
        train({"w": weight}, batches, loss, budget, checkpoint=checkpoint, size=size)
    return counter.total


def test_linear_operations_are_exact_from_few_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    learn = Updates._learn
    monkeypatch.setattr(Updates, "_learn", lambda *given: (counts.append(given[2]), learn(*given))[1])
    estimated = run()
    assert len(counts) <= 3 + STEPS // operations.EVERY
    assert estimated == run(sized=False)
    assert estimated == sum(2 * 2 * int(rows) for size in SIZES for rows in size) + 50 * 200


def test_an_interrupted_training_has_the_same_operations(tmp_path: Path) -> None:
    whole = run()
    checkpoint = Checkpoint(tmp_path / "saved", every=7)
    for last in (40, 120):
        with pytest.raises(KeyboardInterrupt):
            run(checkpoint, last)
    assert run(checkpoint) == whole


def test_operations_that_are_not_linear_are_within_two_percent() -> None:
    updates = Updates()
    total = 0
    for step, size in enumerate(SIZES):
        with updates.update(step, size):
            tokens, positions = torch.ones(int(size[0]), 1), torch.ones(int(size[2]), 1)
            (tokens @ torch.ones(1, 200)), (positions @ positions.T)
        total += 2 * 200 * len(tokens) + 2 * len(positions) ** 2
    assert updates.total() == pytest.approx(total, rel=0.02)
    assert len(updates.counts) <= 3 + STEPS // operations.EVERY
