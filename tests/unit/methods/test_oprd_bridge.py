"""The low-rank bridge: principal directions, the regression, and the loss, compared with slow float64 formulas."""

from pathlib import Path

import numpy as np
import pytest
import torch
from fabricated_pairs import Pair
from fabricated_signals import train_split
from safetensors.torch import load_file

from semalign.benchmarks.encoding import collate
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.base import TransferTask
from semalign.methods.common.adapters import Work
from semalign.methods.oprd_bridge import OprdBridge
from semalign.methods.oprd_bridge import bridge as fitting
from semalign.methods.oprd_bridge.bridge import Bridge, build_bridge, held_out_positions, principal
from semalign.methods.oprd_bridge.training import bridge_loss, fit_bridges
from semalign.models.loading import load_model
from semalign.models.readout import answer_logits
from semalign.models.states import offsets_of, read_states
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, read_jsonl
from semalign.runtime.provenance import check
from semalign.signals.stored import Stored
from semalign.training.losses import cross_entropy

ALL = {"pairing.pairs": "all"}
INDICES = [3, 1, 0]


def settings_of(**changes) -> OprdBridge:
    optimisation = Optimisation(learning_rate=1e-2, steps=20, batch_size=6)
    return OprdBridge(**{"rank": 4, "optimisation": optimisation, "lora": Lora(rank=4), **changes})


def drawn(seed: int, positions: int, width: int) -> torch.Tensor:
    """States with a mean and channels of different sizes."""
    source = torch.Generator().manual_seed(seed)
    return torch.randn(positions, width, generator=source) * torch.linspace(0.1, 3, width) + 5


def test_principal_directions_are_those_of_a_singular_value_decomposition(monkeypatch) -> None:
    monkeypatch.setattr(fitting, "POSITIONS", 7)
    states = drawn(1, 50, 6)
    mean, directions, share = principal(states, 3)
    centred = states.double().numpy() - states.double().numpy().mean(0)
    _, values, expected = np.linalg.svd(centred, full_matrices=False)
    assert np.allclose(mean, states.double().numpy().mean(0))
    assert np.allclose(np.abs((directions.numpy() * expected[:3]).sum(1)), 1)
    assert share == pytest.approx((values[:3] ** 2).sum() / (values**2).sum())


def bridge_slowly(own: torch.Tensor, taught: torch.Tensor, held: torch.Tensor, rank: int) -> list[float]:
    """For every ridge, the share that is predicted on the held-out rows, by explicit inverses and residuals."""
    x, t = own.double().numpy(), taught.double().numpy()
    _, _, directions = np.linalg.svd(t - t.mean(0), full_matrices=False)
    y = (t - t.mean(0)) @ directions[:rank].T
    out = held.numpy()
    gram = x[~out].T @ x[~out]
    shares = []
    for ridge in fitting.RIDGES:
        inverse = np.linalg.inv(gram + ridge * np.trace(gram) / len(gram) * np.eye(len(gram)))
        errors = x[out] @ inverse @ x[~out].T @ y[~out] - y[out]
        shares.append(1 - (errors**2).sum() / (y[out] ** 2).sum())
    return shares


@pytest.mark.parametrize("at_once", [9, 8192])
def test_the_bridge_is_the_best_ridge_regression_on_held_out_positions(at_once: int, monkeypatch) -> None:
    monkeypatch.setattr(fitting, "POSITIONS", at_once)
    own = drawn(2, 60, 8)
    taught = own @ drawn(3, 8, 10) + 3 * drawn(4, 60, 10)
    held = torch.arange(60) % 4 == 0
    found = build_bridge(own, taught, held, rank=3)
    shares = bridge_slowly(own, taught, held, rank=3)
    assert found.predicted == pytest.approx(max(shares), abs=1e-6)
    assert found.ridge == fitting.RIDGES[int(np.argmax(shares))]
    errors = own.double() @ found.projection.double().T - found.coordinates.double()
    share = 1 - errors[held].square().sum() / found.coordinates[held].double().square().sum()
    assert float(share) == pytest.approx(found.predicted, abs=1e-4)
    assert found.coordinates.mean(0).abs().max() < 1e-4
    assert found.variance == pytest.approx(float(found.coordinates.double().var(0, correction=0).sum()))


def test_a_bridge_between_states_that_are_a_linear_map_of_each_other_is_exact() -> None:
    own = drawn(5, 200, 6) - drawn(5, 200, 6).mean(0)  # centred, since the projection has no bias
    taught = own @ drawn(6, 6, 9) + 7
    found = build_bridge(own, taught, torch.arange(200) % 10 == 0, rank=6)
    assert found.predicted > 0.999
    assert float(found.distance(own, found.coordinates)) < 1e-3
    assert found.explained == pytest.approx(1)


def test_a_projection_that_predicts_the_mean_has_a_loss_of_one() -> None:
    built = build_bridge(drawn(7, 40, 5), drawn(8, 40, 7), torch.arange(40) < 4, rank=2)
    mean_only = Bridge(torch.zeros(2, 5), built.coordinates, built.variance, 1.0, 0.0, 1.0)
    assert float(mean_only.distance(drawn(7, 40, 5), built.coordinates)) == pytest.approx(1, rel=1e-5)


def test_every_tenth_example_is_held_out() -> None:
    offsets = torch.arange(0, 48, 2)  # 23 examples of two positions
    assert held_out_positions(offsets).nonzero()[:, 0].tolist() == [18, 19, 38, 39]
    assert held_out_positions(torch.tensor([0, 2, 5])).tolist() == [False, False, True, True, True]
    with pytest.raises(UserError, match="found 1 train example, expected at least 2"):
        held_out_positions(torch.tensor([0, 2]))


def test_states_that_give_no_bridge_are_refused() -> None:
    held = torch.arange(20) < 2
    with pytest.raises(
        UserError, match="rank: found 8, expected at most the width of the teacher's states, 7"
    ):
        build_bridge(drawn(1, 20, 5), drawn(2, 20, 7), held, rank=8)
    with pytest.raises(UserError, match="found 20 teacher states that are all equal"):
        build_bridge(drawn(1, 20, 5), torch.ones(20, 7), held, rank=2)
    with pytest.raises(UserError, match="found student states that are all zero"):
        build_bridge(torch.zeros(20, 5), drawn(2, 20, 7), held, rank=2)


def test_the_loss_is_the_slow_formula(llama: Pair, tmp_path: Path) -> None:
    settings = settings_of(label_loss_weight=0.5)
    signals = llama.signals(settings, ALL)
    encoded = train_split(llama.student, llama.benchmark)
    student = load_model(llama.student)
    stored = Stored(signals["activations"] / "activations.safetensors", encoded)
    raw = {name: rows.double().numpy() for name, rows in stored.tensors.items()}
    task = TransferTask(llama.student, llama.teacher, llama.benchmark, signals, settings, 0, tmp_path)
    bridges = fit_bridges(task, Work(student, encoded, 0), stored)
    batch = collate([encoded[i] for i in INDICES], 0)
    terms = bridge_loss(bridges, stored, settings.label_loss_weight)(student, batch, INDICES)

    offsets = offsets_of(encoded).tolist()
    rows = np.concatenate([np.arange(offsets[i], offsets[i + 1]) for i in INDICES])
    own = read_states(student, encoded, [1, 2, 3], "block", 2, 0)
    expected = []
    for pair in read_json(signals["pairing"] / "pairing.json")["pairs"]:
        below, above = (raw[f"layer.{pair[side]}"] for side in ("below", "above"))
        taught = (1 - pair["weight"]) * below + pair["weight"] * above
        _, values, directions = np.linalg.svd(taught - taught.mean(0), full_matrices=False)
        y = (taught - taught.mean(0)) @ directions[:4].T
        bridge = bridges[pair["student"]]
        signs = np.sign(
            (bridge.coordinates.double().numpy() * y).sum(0)
        )  # of directions, which are arbitrary
        errors = own[pair["student"]].double().numpy() @ bridge.projection.double().numpy().T - signs * y
        expected.append((errors[rows] ** 2).sum(1).mean() / ((values[:4] ** 2).sum() / len(y)))
    assert len(expected) == 3
    assert terms["layer"].item() == pytest.approx(np.mean(expected), rel=1e-4)
    labels = cross_entropy(answer_logits(student, batch), batch.labels[batch.supervised])
    assert terms["label"].item() == pytest.approx(0.5 * labels.item(), rel=1e-5)


@pytest.mark.parametrize("layers", ["paired", "all"])
def test_it_lowers_its_loss_and_reports_its_bridges(layers: str, llama: Pair, tmp_path: Path) -> None:
    settings = settings_of(layers=layers)
    assert settings.needs == ("pairing", "activations")
    folder = llama.transfer(settings, tmp_path / "a", demands={"pairing.pairs": 2})
    history = read_jsonl(folder / "history.jsonl")
    assert set(history[0]) == {"step", "learning_rate", "layer"}
    assert history[-1]["layer"] < 0.9 * history[0]["layer"]
    assert check(folder)["cost"]["teacher_passes"] == 6 + 6
    tensors = load_file(folder / "adapter_model.safetensors")
    assert tensors and all(".lora_" in name for name in tensors)
    facts = read_json(folder / "bridge.json")
    pairs = read_json(llama.signals(settings, {"pairing.pairs": 2})["pairing"] / "pairing.json")["pairs"]
    paired = [pair["student"] for pair in pairs]
    assert facts["rank"] == 4 and [row["layer"] for row in facts["layers"]] == paired
    assert all(0 < row["explained"] <= 1 and row["predicted"] <= 1 for row in facts["layers"])
    again, other = (
        llama.transfer(settings, tmp_path / name, seed=seed, demands={"pairing.pairs": 2})
        for name, seed in (("b", 0), ("c", 1))
    )
    adapters = [(one / "adapter_model.safetensors").read_bytes() for one in (folder, again, other)]
    assert adapters[0] == adapters[1] != adapters[2]


def test_without_labels_nothing_above_the_deepest_paired_layer_runs(
    llama: Pair, tmp_path: Path, monkeypatch
) -> None:
    from semalign.methods.oprd_bridge import training

    heads: list[int] = []
    monkeypatch.setattr(training, "head_logits", lambda *given: heads.append(0) or pytest.fail("head"))
    llama.transfer(settings_of(), tmp_path / "without")
    assert heads == []
    with pytest.raises(pytest.fail.Exception):
        llama.transfer(settings_of(label_loss_weight=1.0), tmp_path / "with")
