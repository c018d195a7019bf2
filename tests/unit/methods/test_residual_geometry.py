"""Residual geometry: its loss, compared with a slow one, and what it trains."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fabricated_pairs import Pair
from fabricated_signals import train_split
from pydantic import ValidationError
from safetensors.torch import load_file
from slow_references import coarse_kl

from semalign.benchmarks.encoding import collate
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.common.adapters import adapt
from semalign.methods.experimental.reconstructed.training import reconstructed_loss
from semalign.methods.experimental.residual_geometry import ResidualGeometry
from semalign.methods.experimental.residual_geometry.relations import relate
from semalign.methods.semalign.steering import Targets
from semalign.models.loading import load_model
from semalign.models.readout import answer_logits
from semalign.runtime.files import read_json, read_jsonl
from semalign.runtime.provenance import check
from semalign.signals.distillation.logits import TeacherLogits
from semalign.training.losses import cross_entropy

ALL = {"pairing.pairs": "all"}
INDICES = [3, 1, 0]


def settings_of(**changes: Any) -> ResidualGeometry:
    optimisation = Optimisation(learning_rate=1e-2, steps=12, batch_size=6)
    return ResidualGeometry(optimisation=optimisation, lora=Lora(rank=4), **changes)


def terms_of(pair: Pair, settings: ResidualGeometry, model: Any) -> dict[str, torch.Tensor]:
    """The loss terms of one batch."""
    signals = pair.signals(settings, ALL)
    encoded = train_split(pair.student, pair.benchmark)
    targets = Targets(signals["alignment"] / "targets.safetensors", encoded)
    teacher = TeacherLogits(signals["logits"], encoded) if "logits" in signals else None
    loss = reconstructed_loss(settings, relate, targets, targets.layers, "contribution", teacher)
    return loss(model, collate([encoded[i] for i in INDICES], 0), INDICES)


def cka_slowly(states: np.ndarray, targets: np.ndarray) -> float:
    """CKA by [positions, positions] matrices, centred by a matrix, in float64."""
    centring = np.eye(len(states)) - 1 / len(states)
    k, other = (centring @ (x @ x.T) @ centring for x in (states, targets))
    return float((k * other).sum() / np.sqrt((k * k).sum() * (other * other).sum()))


def test_the_loss_is_the_slow_formula(llama: Pair) -> None:
    settings = settings_of(layer_loss_weight=3.0, divergence_weight=0.5, label_loss_weight=0.25)
    signals = llama.signals(settings, ALL)
    stored = load_file(signals["alignment"] / "targets.safetensors")
    encoded = train_split(llama.student, llama.benchmark)
    student = load_model(llama.student)
    rows: dict[int, list[np.ndarray]] = {1: [], 2: [], 3: []}
    for i in INDICES:
        tokens = torch.tensor([encoded[i].input_ids])
        states = student.model(tokens, output_hidden_states=True).hidden_states
        inputs = [*states[:-1]]
        outputs = [*states[1:-1], last_block_output(student, tokens)]
        for layer in rows:
            added = (outputs[layer - 1] - inputs[layer - 1])[0, encoded[i].answer_start - 1 : -1]
            rows[layer].append(added.double().numpy())
    found = []
    for layer, parts in rows.items():
        bounds = [stored["offsets"][i : i + 2].tolist() for i in INDICES]
        targets = np.concatenate([stored[f"layer.{layer}"][a:b].double().numpy() for a, b in bounds])
        found.append(1 - cka_slowly(np.concatenate(parts), targets))
    terms = terms_of(llama, settings, student)
    assert list(terms) == ["layer", "kl", "label"]
    assert terms["layer"].item() == pytest.approx(3 * np.mean(found), abs=1e-4)
    batch = collate([encoded[i] for i in INDICES], 0)
    of_teacher, of_student = (answer_logits(m, batch) for m in (load_model(llama.teacher), student))
    assert terms["kl"].item() == pytest.approx(0.5 * coarse_kl(of_teacher, of_student, k=64), rel=1e-4)
    expected = cross_entropy(of_student, batch.labels[batch.supervised])
    assert terms["label"].item() == pytest.approx(0.25 * expected.item(), rel=1e-5)


def last_block_output(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    """The last block's output before the final norm (transformers lists it after the norm)."""
    kept: list[torch.Tensor] = []
    handle = model.model.norm.register_forward_pre_hook(lambda _module, given: kept.append(given[0]))
    model.model(tokens)
    handle.remove()
    return kept[0]


def test_gradients_reach_the_factors_alone(llama: Pair) -> None:
    adapted = adapt(load_model(llama.student), [1, 2, 3], Lora(rank=2), seed=0)
    model = adapted.base_model.model
    terms_of(llama, settings_of(divergence_weight=0), model)["layer"].backward()
    with_gradient = {name for name, p in model.named_parameters() if p.grad is not None}
    assert with_gradient == {name for name, _ in model.named_parameters() if "lora_" in name}
    second = [p.grad for name, p in model.named_parameters() if "lora_B" in name]
    assert all(gradient.abs().max() > 0 for gradient in second)


@pytest.mark.parametrize(
    ("weights", "terms", "needs"),
    [
        ((1, 1, 0), {"layer", "kl"}, ("alignment", "logits", "pairing")),
        ((0, 1, 0), {"kl"}, ("alignment", "logits", "pairing")),
        ((1, 0, 0), {"layer"}, ("alignment", "pairing")),
        ((0, 0, 2), {"label"}, ("alignment", "pairing")),
    ],
)
def test_a_weight_of_zero_leaves_the_term_out(
    weights: tuple[float, float, float], terms: set[str], needs: tuple[str, ...], llama: Pair
) -> None:
    names = ("layer_loss_weight", "divergence_weight", "label_loss_weight")
    settings = settings_of(**dict(zip(names, weights, strict=True)))
    assert settings.needs == needs
    assert set(terms_of(llama, settings, load_model(llama.student))) == terms
    with pytest.raises(ValidationError, match="nothing would be trained"):
        settings_of(**dict.fromkeys(names, 0))


def test_it_lowers_its_losses_and_reports_what_it_read(llama: Pair, tmp_path: Path) -> None:
    settings = settings_of()
    folder = llama.transfer(settings, tmp_path / "a", demands=ALL)
    signals = llama.signals(settings, ALL)
    assert read_json(signals["alignment"] / "alignment.json")["interface"] == "contribution"
    history = read_jsonl(folder / "history.jsonl")
    assert history[-1]["layer"] + history[-1]["kl"] < history[0]["layer"] + history[0]["kl"]
    assert check(folder)["cost"]["teacher_passes"] == 6 + 6 + 6
    assert all(".lora_" in name for name in load_file(folder / "adapter_model.safetensors"))
    again, other = (
        llama.transfer(settings, tmp_path / name, seed=seed, demands=ALL)
        for name, seed in (("b", 0), ("c", 1))
    )
    adapters = [(one / "adapter_model.safetensors").read_bytes() for one in (folder, again, other)]
    assert adapters[0] == adapters[1] != adapters[2]
