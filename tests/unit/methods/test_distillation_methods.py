"""Distillation baselines: what they train, report and write, and how they resume."""

import logging
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from semalign.benchmarks.encoding import collate
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.common import adapters
from semalign.methods.distill_hidden import DistillHidden
from semalign.methods.distill_logits import DistillLogits
from semalign.methods.flex_kd import FlexKd
from semalign.models.loading import load_model
from semalign.models.transfers import load_student
from semalign.runtime.files import read_json, read_jsonl
from semalign.runtime.provenance import check
from semalign.signals.pairing import from_rows

FAST = Optimisation(learning_rate=1e-2, epochs=5, batch_size=3)
SMALL = {"optimisation": FAST, "lora": Lora(rank=4)}
METHODS = [
    DistillLogits(**SMALL),
    DistillLogits(**SMALL, layers="all", label_loss_weight=0.5),
    DistillHidden(**SMALL),
    DistillHidden(**SMALL, layers="all"),
    FlexKd(**SMALL),
    FlexKd(**SMALL, layers="all", logit_loss_weight=1.0),
]


def name_of(settings) -> str:
    return f"{settings.method}-{settings.layers}"


@pytest.mark.parametrize("settings", METHODS, ids=name_of)
def test_methods_lower_their_loss_and_store_lora_alone(settings, transfer, sealed_pair, signals) -> None:
    folder = transfer(settings)
    history = read_jsonl(folder / "history.jsonl")
    first, last = (
        np.mean([sum(row[name] for name in row if name not in ("step", "learning_rate")) for row in rows])
        for rows in (history[:2], history[-2:])
    )
    assert last < first
    tensors = load_file(folder / "adapter_model.safetensors")
    assert all(".lora_A." in name or ".lora_B." in name for name in tensors)
    (pair,) = from_rows(read_json(signals["pairing"] / "pairing.json")["pairs"])
    layers = {int(name.split("layers.")[1].split(".")[0]) + 1 for name in tensors}
    assert layers == ({1, 2, 3} if settings.layers == "all" else {pair.student})
    before, after = (m(torch.tensor([[1, 40, 50]])).logits for m in (
        load_model(sealed_pair[1]), load_student(sealed_pair[1], sealed_pair[0], folder)
    ))  # fmt: skip
    assert (before - after).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("settings", "terms", "passes"),
    [
        (METHODS[0], {"kl"}, 6 + 6),  # the extract split for attribution, and the train split
        (METHODS[1], {"kl", "label"}, 6),
        (METHODS[2], {"layer", "label"}, 6 + 6),
        (METHODS[3], {"layer", "label"}, 6 + 6),
        (METHODS[4], {"layer", "label"}, 6 + 12),
        (METHODS[5], {"layer", "label", "kl"}, 12 + 6),
    ],
    ids=lambda value: name_of(value) if hasattr(value, "method") else None,
)
def test_reports_name_terms_and_costs(settings, terms: set[str], passes: int, transfer) -> None:
    folder = transfer(settings)
    assert set(read_jsonl(folder / "history.jsonl")[0]) - {"step", "learning_rate"} == terms
    cost = check(folder)["cost"]
    tensors = load_file(folder / "adapter_model.safetensors")
    projector = 48 * 32 + 48 if settings.method == "distill-hidden" else 0
    assert cost["trainable_parameters"] == sum(t.numel() for t in tensors.values()) + projector
    assert cost["teacher_passes"] == passes


@pytest.mark.parametrize("settings", METHODS[::2], ids=name_of)
def test_the_same_seed_gives_the_same_bytes(settings, transfer) -> None:
    first, again, other = (
        (transfer(settings, seed, name) / "adapter_model.safetensors").read_bytes()
        for seed, name in ((0, "a"), (0, "b"), (1, "c"))
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize("settings", METHODS[1::2], ids=name_of)
def test_the_teacher_is_never_loaded(settings, transfer, sealed_pair, monkeypatch) -> None:
    from transformers import AutoModelForCausalLM

    loaded, load = [], AutoModelForCausalLM.from_pretrained
    monkeypatch.setattr(
        AutoModelForCausalLM, "from_pretrained", lambda path, **how: loaded.append(path) or load(path, **how)
    )
    transfer(settings)
    assert loaded == [sealed_pair[1]]


def test_distill_hidden_resumes_to_the_same_bytes(transfer, tmp_path: Path, monkeypatch, caplog) -> None:
    settings = DistillHidden(**SMALL)
    expected = transfer(settings, name="whole")
    calls = []

    def interrupted(*arguments):
        calls.append(0)
        if len(calls) == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        return collate(*arguments)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(adapters, "collate", interrupted)
        transfer(settings, name="resumed")
    state = load_file(tmp_path / "checkpoint/state.safetensors")
    assert any(name.startswith("exp_avg.extra.") for name in state)
    with caplog.at_level(logging.INFO, logger="semalign"):
        resumed = transfer(settings, name="resumed")
    assert "resumed at step 6/10" in caplog.text
    names = ("adapter_model.safetensors", "history.jsonl")
    assert all((resumed / name).read_bytes() == (expected / name).read_bytes() for name in names)
