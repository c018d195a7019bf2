"""The Fisher surrogate: an expansion of KL, compared with an explicit matrix, and what it trains."""

from pathlib import Path

import numpy as np
import pytest
import torch
from fabricated_pairs import Pair
from fabricated_signals import train_split
from safetensors.torch import load_file
from slow_references import coarse_kl, full_kl

from semalign.benchmarks.encoding import collate
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.common.adapters import adapt
from semalign.methods.common.targets import Targets
from semalign.methods.experimental.fisher_surrogate import FisherSurrogate
from semalign.methods.experimental.fisher_surrogate.surrogate import compare_logits, scale_to
from semalign.methods.experimental.reconstructed.training import reconstructed_loss
from semalign.models.anatomy import capture
from semalign.models.loading import load_model
from semalign.models.readout import answer_logits
from semalign.runtime.files import read_json, read_jsonl
from semalign.signals.distillation.logits import TeacherLogits
from semalign.training.losses import fisher_surrogate

ALL = {"pairing.pairs": "all"}
INDICES = [3, 1, 0]


def settings_of(**changes) -> FisherSurrogate:
    optimisation = Optimisation(learning_rate=1e-2, steps=12, batch_size=6)
    return FisherSurrogate(optimisation=optimisation, lora=Lora(rank=4), **changes)


def surrogate_slowly(logits: torch.Tensor, targets: torch.Tensor) -> float:
    """1/2 dz^T (diag p - p p^T) dz, by the explicit matrix of every position, in float64."""
    values = []
    for z, towards in zip(logits.double().numpy(), targets.double().numpy(), strict=True):
        p = np.exp(towards - towards.max())
        p /= p.sum()
        values.append((z - towards) @ (np.diag(p) - np.outer(p, p)) @ (z - towards) / 2)
    return float(np.mean(values))


def drawn(seed: int, positions: int = 7, tokens: int = 30) -> torch.Tensor:
    return 3 * torch.randn(positions, tokens, generator=torch.Generator().manual_seed(seed))


def test_it_is_the_quadratic_form_of_the_explicit_matrix() -> None:
    logits, targets = drawn(1), drawn(2)
    found = fisher_surrogate(logits, targets).item()
    assert found == pytest.approx(surrogate_slowly(logits, targets), rel=1e-5)
    shifted = logits + torch.arange(7.0)[:, None]  # a constant per position is no difference of distributions
    assert fisher_surrogate(shifted, targets).item() == pytest.approx(found, rel=1e-4)
    assert fisher_surrogate(targets, targets).item() == 0


def test_it_is_the_second_order_expansion_of_the_divergence() -> None:
    """The relative error falls in proportion to the difference, since the next term is of third order."""
    targets, direction = drawn(3).double(), drawn(4).double()
    errors = []
    for size in (1e-2, 1e-3, 1e-4):
        logits = targets + size * direction
        errors.append(abs(surrogate_slowly(logits, targets) / full_kl(targets, logits) - 1))
    assert errors[0] < 0.01
    assert errors[1] == pytest.approx(errors[0] / 10, rel=0.1)
    assert errors[2] == pytest.approx(errors[1] / 10, rel=0.1)
    far = targets + 10 * direction  # where KL grows linearly, and its expansion does not hold
    assert surrogate_slowly(far, targets) > 3 * full_kl(targets, far)


def test_its_gradient_at_a_small_difference_is_that_of_the_divergence() -> None:
    targets = drawn(5).double()
    start = (targets + 1e-3 * drawn(6).double()).requires_grad_()
    gap = torch.nn.functional.kl_div(
        start.log_softmax(-1), targets.log_softmax(-1), reduction="batchmean", log_target=True
    )
    (expected,) = torch.autograd.grad(gap, start)
    p = targets.softmax(-1)
    difference = start - targets
    centred = difference - (p * difference).sum(-1, keepdim=True)
    (found,) = torch.autograd.grad((p * centred.square()).sum(-1).mean() / 2, start)
    torch.testing.assert_close(found, expected, rtol=2e-2, atol=1e-7)
    of_loss = (targets.float() + 1e-2 * drawn(6)).requires_grad_()
    (slope,) = torch.autograd.grad(fisher_surrogate(of_loss, targets.float()), of_loss)
    torch.testing.assert_close(slope, 10 * found.float(), rtol=2e-2, atol=1e-5)


def test_the_length_of_a_target_does_not_matter(llama: Pair) -> None:
    student = load_model(llama.student)
    states, targets = drawn(7, 5, 32), drawn(8, 5, 32)
    lengths = scale_to(targets, states).norm(dim=-1)
    torch.testing.assert_close(lengths, states.norm(dim=-1))
    expected = compare_logits(student, states, targets).item()
    assert compare_logits(student, states, 1e-3 * targets).item() == pytest.approx(expected, rel=1e-4)
    assert compare_logits(student, states, 5 * states).item() == pytest.approx(0, abs=1e-6)
    assert compare_logits(student, states, torch.zeros(5, 32)).isfinite()


def terms_of(pair: Pair, settings: FisherSurrogate, model) -> dict[str, torch.Tensor]:
    """The loss terms of one batch."""
    signals = pair.signals(settings, ALL)
    encoded = train_split(pair.student, pair.benchmark)
    targets = Targets(signals["alignment"] / "targets.safetensors", encoded)
    teacher = TeacherLogits(signals["logits"], encoded) if "logits" in signals else None
    loss = reconstructed_loss(settings, compare_logits, targets, targets.layers, "block", teacher)
    return loss(model, collate([encoded[i] for i in INDICES], 0), INDICES)


def test_the_loss_is_the_slow_formula(llama: Pair) -> None:
    settings = settings_of(layer_loss_weight=3.0, divergence_weight=0.5)
    stored = load_file(llama.signals(settings, ALL)["alignment"] / "targets.safetensors")
    encoded = train_split(llama.student, llama.benchmark)
    student = load_model(llama.student)
    batch = collate([encoded[i] for i in INDICES], 0)
    with torch.no_grad(), capture(student, [1, 2, 3], ["block"]) as states:
        of_student = answer_logits(student, batch)
    gain, head = student.model.norm.weight.double(), student.lm_head.weight.double()

    def read(rows: torch.Tensor) -> torch.Tensor:
        rows = rows.double()
        return (rows / rows.square().mean(-1, keepdim=True).sqrt() * gain) @ head.T

    found = []
    for layer in (1, 2, 3):
        bounds = [stored["offsets"][i : i + 2].tolist() for i in INDICES]
        targets = torch.cat([stored[f"layer.{layer}"][a:b] for a, b in bounds])
        found.append(surrogate_slowly(read(states["block", layer][batch.supervised]), read(targets)))
    terms = terms_of(llama, settings, student)
    assert list(terms) == ["layer", "kl"]
    assert terms["layer"].item() == pytest.approx(3 * np.mean(found), rel=1e-3)
    of_teacher = answer_logits(load_model(llama.teacher), batch)
    assert terms["kl"].item() == pytest.approx(0.5 * coarse_kl(of_teacher, of_student, k=64), rel=1e-4)


def test_gradients_reach_the_factors_alone(llama: Pair) -> None:
    model = adapt(load_model(llama.student), [1, 2, 3], Lora(rank=2), seed=0).base_model.model
    terms_of(llama, settings_of(divergence_weight=0), model)["layer"].backward()
    with_gradient = {name for name, p in model.named_parameters() if p.grad is not None}
    assert with_gradient == {name for name, _ in model.named_parameters() if "lora_" in name}


def test_it_lowers_its_losses_on_block_outputs(llama: Pair, tmp_path: Path) -> None:
    settings = settings_of()
    folder = llama.transfer(settings, tmp_path / "a", demands=ALL)
    signals = llama.signals(settings, ALL)
    assert read_json(signals["alignment"] / "alignment.json")["interface"] == "block"
    history = read_jsonl(folder / "history.jsonl")
    assert set(history[0]) == {"step", "learning_rate", "layer", "kl"}
    assert history[-1]["layer"] + history[-1]["kl"] < history[0]["layer"] + history[0]["kl"]
