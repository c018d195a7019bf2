"""The training loop: batches, schedules, optimisation, checkpoints."""

import logging
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from semalign.config.optimisation import Optimisation
from semalign.runtime.errors import UserError
from semalign.training import loop as training
from semalign.training.checkpoint import Checkpoint
from semalign.training.loop import Budget, train
from semalign.training.schedule import epoch_batches, learning_rate, total_steps

SETTINGS = Optimisation(learning_rate=0.05, epochs=None, steps=20, warmup=0.2, weight_decay=0.1)
TWENTY = Budget(20, SETTINGS)


def make_problem(seed: int = 0) -> tuple[dict[str, torch.nn.Parameter], Callable, Callable]:
    """A regression with dropout, whose result depends on parameters, batches and the random state."""
    torch.manual_seed(seed)
    parameters = {"a": torch.nn.Parameter(torch.randn(4, 3)), "b": torch.nn.Parameter(torch.zeros(3))}
    inputs, outputs = torch.randn(50, 4), torch.randn(50, 3)
    indices = epoch_batches(50, 8, seed=1)

    def loss(batch: list[int]) -> dict[str, torch.Tensor]:
        hidden = torch.nn.functional.dropout(inputs[batch], 0.2)
        error = hidden @ parameters["a"] + parameters["b"] - outputs[batch]
        return {"fit": error.square().mean(), "size": 0.01 * parameters["a"].square().sum()}

    return parameters, indices, loss


def copy_of(parameters: dict[str, torch.nn.Parameter]) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in parameters.items()}


def test_minimises_the_sum_of_the_terms_as_adamw_written_by_hand() -> None:
    parameters, _, _ = make_problem()
    target = torch.ones(3)
    settings = Optimisation(learning_rate=0.1, steps=3, warmup=0, weight_decay=0.2, schedule="linear")

    def loss(_: int) -> dict[str, torch.Tensor]:
        return {"one": (parameters["b"] - target).square().sum(), "two": parameters["a"].square().sum() * 0}

    expected, first, second = torch.zeros(3).double(), torch.zeros(3).double(), torch.zeros(3).double()
    for step in range(1, 4):
        gradient = 2 * (expected - 1)
        gradient = gradient / max(1.0, gradient.norm().item() + 1e-6)
        rate = 0.1 * (3 - step + 1) / 3
        expected = expected * (1 - rate * 0.2)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        expected = expected - rate * (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
    train({"b": parameters["b"]}, lambda step: step, loss, Budget(3, settings))
    torch.testing.assert_close(parameters["b"].detach().double(), expected, atol=1e-5, rtol=1e-5)


def test_history_has_every_term_and_the_last_step() -> None:
    parameters, batches, loss = make_problem()
    history = train(parameters, batches, loss, Budget(250, SETTINGS))
    assert [row["step"] for row in history][-2:] == [248, 250]
    assert len(history) == 125
    assert set(history[0]) == {"step", "learning_rate", "fit", "size"}
    assert history[-1]["fit"] < history[0]["fit"]


@pytest.mark.parametrize("stop", [1, 7, 19])
def test_resumes_to_the_same_bytes(tmp_path: Path, stop: int) -> None:
    parameters, batches, loss = make_problem()
    history = train(parameters, batches, loss, TWENTY)
    expected = copy_of(parameters)

    parameters, batches, loss = make_problem()
    seen = []

    def interrupted(step: int) -> list[int]:
        if step == stop:
            raise KeyboardInterrupt
        return batches(step)

    with pytest.raises(KeyboardInterrupt):
        train(parameters, interrupted, loss, TWENTY, checkpoint=Checkpoint(tmp_path / "c", every=1))

    parameters, batches, loss = make_problem()
    torch.manual_seed(99)  # must not matter: the random state comes from the checkpoint

    def counted(step: int) -> list[int]:
        seen.append(step)
        return batches(step)

    resumed = train(parameters, counted, loss, TWENTY, checkpoint=Checkpoint(tmp_path / "c"))
    assert seen == list(range(stop, 20))
    assert resumed == history
    for name, value in expected.items():
        assert torch.equal(parameters[name], value)


def test_sigterm_finishes_the_step_saves_and_exits(tmp_path: Path) -> None:
    parameters, batches, loss = make_problem()
    expected = train(parameters, batches, loss, TWENTY)

    parameters, batches, loss = make_problem()

    def terminating(step: int) -> list[int]:
        if step == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return batches(step)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as raised:
        train(parameters, terminating, loss, TWENTY, checkpoint=Checkpoint(tmp_path / "c"))
    assert raised.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == before
    parameters, batches, loss = make_problem()
    assert train(parameters, batches, loss, TWENTY, checkpoint=Checkpoint(tmp_path / "c")) == expected


@pytest.mark.parametrize(
    "change", [{"learning_rate": 0.01}, {"label": "x"}, {"identity": "other data"}, {"seed": 5}]
)
def test_ignores_the_checkpoint_of_another_run(tmp_path: Path, change: dict) -> None:
    parameters, batches, loss = make_problem()
    train(parameters, batches, loss, TWENTY, checkpoint=Checkpoint(tmp_path / "c", every=5))

    def outcome(folder: Path | None) -> tuple[list, list[int]]:
        parameters, batches, loss = make_problem(change.get("seed", 0))
        settings = SETTINGS.model_copy(update={k: v for k, v in change.items() if k == "learning_rate"})
        label = change.get("label", "train")
        checkpoint = Checkpoint(folder, identity=change.get("identity", "")) if folder else None
        seen: list[int] = []

        def counted(step: int) -> list[int]:
            seen.append(step)
            return batches(step)

        return train(
            parameters, counted, loss, Budget(20, settings), label=label, checkpoint=checkpoint
        ), seen

    assert outcome(tmp_path / "c") == outcome(None)


@pytest.mark.parametrize(("term", "value"), [("fit", math.nan), ("size", math.inf)])
def test_stops_at_a_loss_that_is_not_finite(term: str, value: float) -> None:
    parameters, batches, loss = make_problem()

    def broken(batch: list[int]) -> dict[str, torch.Tensor]:
        terms = loss(batch)
        return {**terms, term: terms[term] * value} if batch == batches(2) else terms

    with pytest.raises(UserError, match=f"steer x: step 3: {term}: found {value}"):
        train(parameters, batches, broken, TWENTY, label="steer x")


def test_reports_progress(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(training, "REPORT_SECONDS", 0.0)
    parameters, batches, loss = make_problem()
    with caplog.at_level(logging.INFO, logger="semalign"):
        train(parameters, batches, loss, Budget(4, SETTINGS), label="pretrain teacher")
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("pretrain teacher: step 1/4 (25 %), loss ")
    assert lines[0].endswith(" s left")
    assert lines[-1].startswith("pretrain teacher: step 4/4 (100 %)")


@pytest.mark.parametrize("lengths", [None, [i % 17 for i in range(50)]])
def test_epoch_batches_visit_everything_once_an_epoch(lengths: list[int] | None) -> None:
    batches = epoch_batches(50, 8, seed=3, lengths=lengths)
    epochs = [[batches(step) for step in range(7 * e, 7 * e + 7)] for e in range(2)]
    for epoch in epochs:
        assert sorted(i for batch in epoch for i in batch) == list(range(50))
        assert sorted(len(batch) for batch in epoch) == [2, 8, 8, 8, 8, 8, 8]
    assert epochs[0] != epochs[1]
    again = epoch_batches(50, 8, seed=3, lengths=lengths)
    assert again(9) == batches(9)  # depends on the step alone, not on earlier calls
    assert epoch_batches(50, 8, seed=4, lengths=lengths)(0) != batches(0)


def test_bucketed_batches_hold_like_lengths() -> None:
    lengths = [(7 * i) % 40 for i in range(400)]

    def padding(batches: Callable[[int], list[int]]) -> int:
        rows = [[lengths[i] for i in batches(step)] for step in range(50)]
        return sum(max(row) * len(row) - sum(row) for row in rows)

    assert padding(epoch_batches(400, 8, 0, lengths)) < padding(epoch_batches(400, 8, 0)) / 5


def test_no_examples_is_refused() -> None:
    with pytest.raises(UserError, match="0 examples"):
        epoch_batches(0, 8, 0)


def test_total_steps() -> None:
    assert total_steps(200, Optimisation(epochs=5, batch_size=64)) == 20
    assert total_steps(200, Optimisation(epochs=0.1, batch_size=64)) == 1
    assert total_steps(200, Optimisation(epochs=5, steps=7)) == 7


def test_schedules() -> None:
    def rates(schedule: str, warmup: float = 0.0) -> list[float]:
        settings = Optimisation(learning_rate=1, steps=10, warmup=warmup, schedule=schedule)  # type: ignore[arg-type]
        return [round(learning_rate(step, 10, settings), 4) for step in range(10)]

    assert rates("constant") == [1.0] * 10
    assert rates("linear") == [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    assert rates("linear", 0.2) == [0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]
    assert rates("cosine")[5] == 0.5
    assert rates("wsd")[:7] == [1.0] * 7
    assert rates("wsd")[-1] == pytest.approx(0.02 + 0.98 / 4)


@pytest.mark.parametrize(
    "change", [{"learning_rate": 0}, {"epochs": None}, {"warmup": 1}, {"schedule": "x"}, {"lr": 1}]
)
def test_settings_out_of_range_are_refused(change: dict) -> None:
    with pytest.raises(ValidationError):
        Optimisation(**change)
