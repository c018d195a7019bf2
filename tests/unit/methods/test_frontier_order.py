"""Reconstructions from shallow to deep: only the layer at the frontier is trained, and the divergence is kept."""

from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_pairs import Pair
from fabricated_signals import train_split
from pydantic import ValidationError
from safetensors.torch import load_file

from semalign.benchmarks.encoding import collate
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.common.adapters import Training, Work, adapt, train_adapter
from semalign.methods.common.targets import Targets
from semalign.methods.experimental.fisher_surrogate import FisherSurrogate
from semalign.methods.experimental.fisher_surrogate.surrogate import compare_logits
from semalign.methods.experimental.reconstructed.training import reconstructed_loss
from semalign.methods.experimental.residual_geometry import ResidualGeometry
from semalign.methods.experimental.residual_geometry.relations import relate
from semalign.models.loading import load_model
from semalign.runtime.files import read_jsonl
from semalign.signals.distillation.logits import TeacherLogits

ALL = {"pairing.pairs": "all", "pairing.interpolate": False}
FRONTIER = {"order": "shallow-to-deep"}
OPTIMISATION = Optimisation(learning_rate=1e-2, steps=9, batch_size=3)
LOSSES = {ResidualGeometry: (relate, "contribution"), FisherSurrogate: (compare_logits, "block")}


def settings_of(kind: Any, **changes: Any) -> Any:
    return kind(**{"optimisation": OPTIMISATION, "lora": Lora(rank=2), **FRONTIER, **changes})


@pytest.mark.parametrize("kind", LOSSES, ids=lambda kind: kind.__name__)
def test_phases_train_one_layer_each_with_its_own_loss_and_the_divergence(
    kind: Any, llama: Pair, tmp_path: Path
) -> None:
    """Compared with phases by hand."""
    settings = settings_of(kind)
    folder = llama.transfer(settings, tmp_path / "frontier", demands=ALL)
    signals = llama.signals(settings, ALL)
    encoded = train_split(llama.student, llama.benchmark)
    targets = Targets(signals["alignment"] / "targets.safetensors", encoded)
    teacher = TeacherLogits(signals["logits"], encoded)
    model = adapt(load_model(llama.student), [1, 2, 3], Lora(rank=2), 0)
    factors = {name: p for name, p in model.named_parameters() if "lora_" in name}
    layer_loss, interface = LOSSES[kind]
    history: list[dict[str, float]] = []
    for layer, updates in ((1, range(3)), (2, range(3, 6)), (3, range(6, 9))):
        before = {name: p.detach().clone() for name, p in factors.items()}
        for name, parameter in factors.items():
            parameter.requires_grad_(f"layers.{layer - 1}." in name)
        loss = reconstructed_loss(settings, layer_loss, targets, [layer], interface, teacher)
        training = Training(OPTIMISATION, 0, "by hand", updates=updates)
        history += train_adapter(Work(model.base_model.model, encoded, 0), loss, training).history
        moved = {name for name, p in factors.items() if not torch.equal(p, before[name])}
        assert moved == {name for name in factors if f"layers.{layer - 1}." in name}
    assert all({"layer", "kl"} <= set(row) for row in history)
    assert read_jsonl(folder / "history.jsonl") == history
    found = load_file(folder / "adapter_model.safetensors")
    assert all(torch.equal(found[name.replace(".default", "")], p) for name, p in factors.items())


@pytest.mark.parametrize("kind", LOSSES, ids=lambda kind: kind.__name__)
def test_without_losses_on_answers_nothing_above_the_frontier_runs(kind: Any, llama: Pair) -> None:
    settings = settings_of(kind, divergence_weight=0)
    signals = llama.signals(settings, ALL)
    assert "logits" not in signals
    encoded = train_split(llama.student, llama.benchmark)
    targets = Targets(signals["alignment"] / "targets.safetensors", encoded)
    layer_loss, interface = LOSSES[kind]
    model = load_model(llama.student)
    ran: list[int] = []
    for number, layer in enumerate(model.model.layers, start=1):
        layer.register_forward_hook(lambda *_, number=number: ran.append(number))
    for frontier in (1, 2, 3):
        loss = reconstructed_loss(settings, layer_loss, targets, [frontier], interface, None)
        terms = loss(model, collate(encoded[:3], 0), [0, 1, 2])
        assert set(terms) == {"layer"}
        assert ran == list(range(1, frontier + 1))
        ran.clear()


@pytest.mark.parametrize("kind", LOSSES, ids=lambda kind: kind.__name__)
def test_only_paired_layers_can_be_trained_in_turn(kind: Any) -> None:
    with pytest.raises(
        ValidationError, match="order shallow-to-deep with layers all, expected layers paired"
    ):
        settings_of(kind, layers="all")
    assert settings_of(kind, order="joint", layers="all").layers == "all"
