"""Paired layers trained one after the other: what is trained when, how updates are divided, how it resumes."""

import logging
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_pairs import Pair
from fabricated_signals import train_split
from safetensors.torch import load_file

from semalign.benchmarks.encoding import collate
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.common import adapters
from semalign.methods.common.adapters import Training, Work, adapt, train_adapter
from semalign.methods.common.phases import divide
from semalign.methods.semalign import SemAlign
from semalign.methods.semalign.steering import Targets, steering_loss
from semalign.models.loading import load_model
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_jsonl
from semalign.runtime.provenance import check
from semalign.training.schedule import learning_rate, total_steps

ADAPTER = "adapter_model.safetensors"
ALL = {"pairing.pairs": "all"}
OPTIMISATION = Optimisation(learning_rate=1e-2, epochs=5.5, batch_size=3, warmup=0.3, weight_decay=0.1)


def steer(order: str = "shallow-to-deep", **changes: Any) -> SemAlign:
    return SemAlign(
        **{"optimisation": OPTIMISATION, "lora": Lora(rank=2, dropout=0.1), "order": order, **changes}
    )


def test_updates_are_divided_evenly_and_the_shallowest_have_the_rest() -> None:
    assert divide(11, 3) == [range(4), range(4, 8), range(8, 11)]
    assert divide(6, 3) == [range(2), range(2, 4), range(4, 6)]
    assert divide(7, 1) == [range(7)]
    with pytest.raises(UserError, match="found 2 updates, expected at least one for each of 3 layers"):
        divide(2, 3)


def test_a_single_layer_in_turn_is_the_joint_training(llama: Pair, tmp_path: Path) -> None:
    for name in ("history.jsonl", ADAPTER):
        found = [
            (llama.transfer(steer(order), tmp_path / order) / name).read_bytes()
            for order in ("joint", "shallow-to-deep")
        ]
        assert found[0] == found[1]


def test_phases_are_trainings_of_one_layer_each(llama: Pair, tmp_path: Path) -> None:
    """Compared with phases by hand, on a student with all factors of which each phase enables one layer's."""
    folder = llama.transfer(steer(), tmp_path / "in-turn", demands=ALL)
    found = load_file(folder / ADAPTER)
    model = adapt(load_model(llama.student), [1, 2, 3], steer().lora, 0)
    encoded = train_split(llama.student, llama.benchmark)
    targets = Targets(llama.signals(steer(), ALL)["alignment"] / "targets.safetensors", encoded)
    factors = dict(model.named_parameters())
    history: list[dict[str, float]] = []
    for layer, updates in ((1, range(4)), (2, range(4, 8)), (3, range(8, 11))):
        before = {name: p.detach().clone() for name, p in factors.items()}
        for name, parameter in factors.items():
            parameter.requires_grad_(f"layers.{layer - 1}." in name and "lora_" in name)
        loss = steering_loss(steer(), targets, "mlp", [layer])
        training = Training(OPTIMISATION, 0, "by hand", updates=updates)
        trained = train_adapter(Work(model.base_model.model, encoded, 0), loss, training)
        history += trained.history
        moved = {name for name, p in factors.items() if not torch.equal(p, before[name])}
        assert moved == {name for name in factors if f"layers.{layer - 1}." in name and "lora_" in name}
        deeper = [p for name, p in factors.items() if "lora_B" in name and f"layers.{layer}." in name]
        assert all((p == 0).all() for p in deeper)
    for name, parameter in factors.items():
        if "lora_" in name:
            assert torch.equal(found[name.replace(".default", "")], parameter)
    assert read_jsonl(folder / "history.jsonl") == history


def test_history_counts_on_while_each_phase_has_its_own_schedule(llama: Pair, tmp_path: Path) -> None:
    folder = llama.transfer(steer(), tmp_path / "in-turn", demands=ALL)
    history = read_jsonl(folder / "history.jsonl")
    assert total_steps(6, OPTIMISATION) == 11
    assert [row["step"] for row in history] == list(range(1, 12))
    rates = [learning_rate(step, steps, OPTIMISATION) for steps in (4, 4, 3) for step in range(steps)]
    assert [row["learning_rate"] for row in history] == rates
    joint = llama.transfer(steer("joint"), tmp_path / "joint", demands=ALL)
    costs = [check(one)["cost"]["trainable_parameters"] for one in (folder, joint)]
    assert costs[0] == costs[1]


def test_all_phases_together_see_the_batches_of_joint_training(
    llama: Pair, tmp_path: Path, monkeypatch
) -> None:
    seen: dict[str, list[Any]] = {"joint": [], "shallow-to-deep": []}
    for order, batches in seen.items():
        with monkeypatch.context() as patch:
            patch.setattr(adapters, "collate", lambda e, pad, kept=batches: kept.append(e) or collate(e, pad))
            llama.transfer(steer(order), tmp_path / order, demands=ALL)
    assert len(seen["joint"]) == 11
    assert seen["joint"] == seen["shallow-to-deep"]


@pytest.mark.parametrize("stop", [3, 4, 6, 11])
def test_resumes_in_every_phase_to_the_same_bytes(
    stop: int, llama: Pair, tmp_path: Path, monkeypatch, caplog
) -> None:
    expected = llama.transfer(steer(), tmp_path / "whole", demands=ALL)
    done: list[int] = []

    def interrupted(*arguments: Any) -> Any:
        done.append(0)
        if len(done) == stop:
            os.kill(os.getpid(), signal.SIGTERM)
        return collate(*arguments)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(adapters, "collate", interrupted)
        llama.transfer(steer(), tmp_path / "resumed", demands=ALL)
    assert len(done) == stop
    with monkeypatch.context() as patch, caplog.at_level(logging.INFO, logger="semalign"):
        patch.setattr(adapters, "collate", lambda *given: done.append(0) or collate(*given))
        resumed = llama.transfer(steer(), tmp_path / "resumed", demands=ALL)
    assert len(done) == 11  # no step is repeated
    assert "test, layer 1: resumed at step" in caplog.text
    for name in (ADAPTER, "history.jsonl"):
        assert (resumed / name).read_bytes() == (expected / name).read_bytes()
    assert not (tmp_path / "checkpoint").exists()


def test_a_finished_phase_of_another_run_is_trained_again(llama: Pair, tmp_path: Path, monkeypatch) -> None:
    expected = llama.transfer(steer(), tmp_path / "whole", demands=ALL)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        llama.transfer(steer(), tmp_path / "other", seed=1, demands=ALL)
    assert (tmp_path / "checkpoint/layer2/state.json").is_file()
    again = llama.transfer(steer(), tmp_path / "again", demands=ALL)
    assert (again / ADAPTER).read_bytes() == (expected / ADAPTER).read_bytes()
