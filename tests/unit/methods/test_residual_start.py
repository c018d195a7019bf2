"""Steering by the semantic residual, then distillation of the same adapter."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_pairs import Pair
from pydantic import ValidationError
from safetensors.torch import load_file

from semalign.benchmarks.encoding import collate
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.base import TransferTask
from semalign.methods.common.answers import divergence_loss
from semalign.methods.common.lora import load_student_at_work
from semalign.methods.displaced.residual_start import ResidualStart, Steering, phases
from semalign.methods.displaced.residual_start.phases import steering_of
from semalign.methods.displaced.semantic_residual import SemanticResidual
from semalign.models.transfers import load_student
from semalign.runtime.files import read_json, read_jsonl
from semalign.signals.distillation.logits import TeacherLogits

LORA = Lora(rank=4, projections=["up", "down", "o"])
PHASE: dict[str, Any] = {"learning_rate": 1e-2, "steps": 6, "batch_size": 3}
SETTINGS = ResidualStart(steering=Steering(**PHASE), optimisation=Optimisation(**PHASE), lora=LORA)
ALONE = SemanticResidual(optimisation=Optimisation(**PHASE), lora=LORA)


def task_of(pair: Pair, settings: Any, folder: Path) -> TransferTask[Any]:
    folders = pair.student, pair.teacher, pair.benchmark
    return TransferTask(*folders, pair.signals(settings), settings, 3, folder, "cell", "same")


def test_the_first_phase_is_that_of_the_semantic_residual(llama: Pair, tmp_path: Path) -> None:
    alone, both = (
        read_jsonl(llama.transfer(settings, tmp_path / str(number)) / "history.jsonl")
        for number, settings in enumerate((ALONE, SETTINGS))
    )
    assert both[:6] == alone
    assert [row["step"] for row in both] == list(range(1, 13))
    assert [set(row) - {"step", "learning_rate"} for row in both] == 6 * [{"layer"}] + 6 * [{"kl"}]


def test_the_second_phase_distils_from_the_steered_student_on(llama: Pair, tmp_path: Path) -> None:
    """Its first batch has all examples, so that its loss is the divergence of the student that the first phase left."""
    alone = llama.transfer(ALONE, tmp_path / "alone")
    second = Optimisation(learning_rate=1e-2, steps=8, batch_size=6)
    both = llama.transfer(SETTINGS.model_copy(update={"optimisation": second}), tmp_path / "both")
    losses = [row["kl"] for row in read_jsonl(both / "history.jsonl")[6:]]
    task = task_of(llama, SETTINGS, tmp_path)
    work = load_student_at_work(task)
    loss = divergence_loss(TeacherLogits(task.signals["logits"], work.examples), 0.0)
    whole = collate(work.examples, 0), list(range(6))
    with torch.no_grad():
        steered = loss(load_student(llama.student, llama.teacher, alone), *whole)["kl"].item()
        untouched = loss(work.model, *whole)["kl"].item()
    assert losses[0] == pytest.approx(steered, rel=1e-4)
    assert losses[0] != pytest.approx(untouched, rel=1e-3)
    assert losses[-1] < losses[0]


def test_the_adapter_and_the_costs_are_those_of_both_phases(llama: Pair, tmp_path: Path) -> None:

    folders = {
        name: llama.transfer(settings, tmp_path / name)
        for name, settings in {"one": ALONE, "both": SETTINGS}.items()
    }
    tensors = {name: load_file(folder / "adapter_model.safetensors") for name, folder in folders.items()}
    assert set(tensors["one"]) == set(tensors["both"])
    assert any(not torch.equal(tensors["one"][name], tensor) for name, tensor in tensors["both"].items())
    costs = {name: read_json(folder / "run.json")["cost"] for name, folder in folders.items()}
    assert costs["one"]["trainable_parameters"] == costs["both"]["trainable_parameters"]
    pairing = read_json(llama.signals(ALONE)["pairing"] / "pairing.json")
    assert costs["one"]["teacher_passes"] == 6 + pairing["teacher_passes"]
    assert costs["both"]["teacher_passes"] == costs["one"]["teacher_passes"] + 6
    # the search's learning rate is that of the distillation
    assert costs["both"]["learning_rate"] == SETTINGS.optimisation.learning_rate


@pytest.mark.parametrize("at", ["between the phases", "in the second phase"])
def test_an_interrupted_run_repeats_no_finished_phase(
    at: str,
    llama: Pair,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = llama.transfer(SETTINGS, tmp_path / "whole")
    plain = divergence_loss
    with monkeypatch.context() as patch:
        patch.setattr(phases, "Checkpoint", partial(phases.Checkpoint, every=2))
        left = [0 if at == "between the phases" else 5]

        def stopping(*arguments: Any, **named: Any) -> Any:
            inner = plain(*arguments, **named)

            def loss(*batch: Any) -> Any:
                if not left[0]:
                    raise RuntimeError("stopped")
                left[0] -= 1
                return inner(*batch)

            return loss

        patch.setattr(phases, "divergence_loss", stopping)
        with pytest.raises(RuntimeError, match="stopped"):
            llama.transfer(SETTINGS, tmp_path / "resumed")
    with caplog.at_level("INFO", logger="semalign"):
        resumed = llama.transfer(SETTINGS, tmp_path / "resumed")
    messages = [line.getMessage() for line in caplog.records]
    assert any("steering: resumed at step 6/6" in line for line in messages)
    assert any("distillation: resumed at step 4/6" in line for line in messages) == (
        at == "in the second phase"
    )
    for name in ("adapter_model.safetensors", "history.jsonl"):
        assert (resumed / name).read_bytes() == (whole / name).read_bytes()


def test_the_first_phase_has_its_own_settings_and_checkpoints(llama: Pair, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"rho": 0.1, "layers": "last"})
    first = steering_of(task_of(llama, settings, tmp_path))
    expected = SemanticResidual(
        rho=0.1, layers="last", lora=LORA, optimisation=Optimisation(**PHASE, epochs=20)
    )
    assert first.settings.model_dump() == expected.model_dump()
    assert (first.seed, first.identity, first.checkpoint) == (3, "same", tmp_path / "steering")
    assert first.settings.layer_local


def test_the_defaults_of_the_first_phase_are_those_of_steering() -> None:
    steering = ResidualStart().steering
    assert (steering.learning_rate, steering.epochs, steering.batch_size) == (3e-2, 20, 16)
    assert ResidualStart().needs == ("residual", "logits", "pairing")
    assert ResidualStart(layers="first").needs == ("residual", "logits")


def test_examples_of_one_phase_only_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"both phases train on those of optimisation\.examples"):
        ResidualStart(steering=Steering(examples=3))
