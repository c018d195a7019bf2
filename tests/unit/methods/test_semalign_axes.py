"""Axes of SemAlign's settings: each value gives another result, and the same seed gives the same bytes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_pairs import Pair
from fabricated_signals import train_split
from pydantic import ValidationError
from slow_references import coarse_kl

from semalign.benchmarks.encoding import collate
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.semalign import SemAlign
from semalign.methods.semalign.steering import Targets, steering_loss
from semalign.models.anatomy import capture
from semalign.models.loading import load_model
from semalign.models.readout import answer_logits
from semalign.runtime.files import read_jsonl
from semalign.runtime.provenance import check
from semalign.signals.distillation.logits import TeacherLogits

ALL = {"pairing.pairs": "all"}
ADAPTER = "adapter_model.safetensors"
AXES: dict[str, dict[str, Any]] = {
    "default": {},
    "probabilities": {"label_loss": "cosine-probabilities"},
    "cross-entropy": {"label_loss": "cross-entropy"},
    "kl": {"label_loss": "kl"},
    "none": {"label_loss": "none"},
    "label weight": {"label_loss_weight": 0.5},
    "no layer loss": {"layer_loss_weight": 0},
    "layer weight": {"layer_loss_weight": 2.0},
    "all layers": {"layers": "all"},
    "in turn": {"order": "shallow-to-deep"},
    "examples": {"optimisation": {"examples": 4}},
}


def steer(**changes: Any) -> SemAlign:
    """Settings for six updates, with changes."""
    optimisation = {"learning_rate": 1e-2, "steps": 6, "batch_size": 3, **changes.pop("optimisation", {})}
    return SemAlign(optimisation=Optimisation(**optimisation), lora=Lora(rank=2), **changes)


@pytest.fixture(scope="module")
def adapter_of(
    pairs: Callable[[str], Pair], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., bytes]:
    """The bytes of a variant's adapter on a pair with two of three layers paired, trained once per variant."""
    made: dict[str, bytes] = {}

    def get(name: str) -> bytes:
        if name not in made:
            made[name] = train(name)
        return made[name]

    def train(name: str) -> bytes:
        folder = tmp_path_factory.mktemp("axes") / "transfer"
        demands = {"pairing.pairs": 2, "pairing.rule": "last"}
        return (pairs("llama").transfer(steer(**AXES[name]), folder, demands=demands) / ADAPTER).read_bytes()

    get.again = train  # type: ignore[attr-defined]
    return get


@pytest.mark.slow
@pytest.mark.parametrize("name", AXES)
def test_each_value_trains_something_else_and_the_same_again(name: str, adapter_of: Any) -> None:
    assert adapter_of.again(name) == adapter_of(name)
    assert [other for other in AXES if adapter_of(other) == adapter_of(name)] == [name]


def terms_of(pair: Pair, settings: SemAlign, layers: list[int] | None = None) -> dict[str, torch.Tensor]:
    """The loss terms of a batch of examples 3 and 1 for the untouched student."""
    signals = pair.signals(settings, ALL)
    encoded = train_split(pair.student, pair.benchmark)
    targets = Targets(signals["alignment"] / "targets.safetensors", encoded)
    teacher = TeacherLogits(signals["logits"], encoded) if "logits" in signals else None
    loss = steering_loss(settings, targets, "mlp", layers or targets.layers, teacher)
    return loss(load_model(pair.student), collate([encoded[i] for i in (3, 1)], 0), [3, 1])


def test_kl_is_the_divergence_to_the_stored_distributions(llama: Pair) -> None:
    settings = steer(label_loss="kl", label_loss_weight=0.25)
    encoded = train_split(llama.student, llama.benchmark)
    batch = collate([encoded[i] for i in (3, 1)], 0)
    of_teacher, of_student = (answer_logits(load_model(m), batch) for m in (llama.teacher, llama.student))
    expected = coarse_kl(of_teacher, of_student, k=64)
    assert terms_of(llama, settings)["label"].item() == pytest.approx(0.25 * expected, rel=1e-4)


def test_the_layer_loss_is_the_mean_over_the_steered_layers(llama: Pair) -> None:
    single = [terms_of(llama, steer(), [layer])["layer"].item() for layer in (1, 2, 3)]
    assert len(set(single)) == 3
    assert terms_of(llama, steer())["layer"].item() == pytest.approx(sum(single) / 3, rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "terms"),
    [
        ({}, {"layer", "label"}),
        ({"layer_loss_weight": 0}, {"label"}),
        ({"label_loss_weight": 0}, {"layer"}),
        ({"label_loss": "none"}, {"layer"}),
        ({"label_loss": "kl"}, {"layer", "label"}),
    ],
)
def test_a_weight_of_zero_leaves_the_term_and_its_cost_out(
    changes: dict[str, Any], terms: set[str], llama: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    from semalign.methods.common import steered
    from semalign.methods.semalign import steering as module

    done: list[str] = []

    def watched(model: Any, layers: Any, interfaces: Any) -> Any:
        done.extend(f"state {layer}" for layer in layers)
        return capture(model, layers, interfaces)

    head = module.head_logits
    monkeypatch.setattr(steered, "capture", watched)
    monkeypatch.setattr(module, "head_logits", lambda *given: done.append("head") or head(*given))  # type: ignore[func-returns-value]
    assert set(terms_of(llama, steer(**changes))) == terms
    expected = [f"state {layer}" for layer in (1, 2, 3)] if "layer" in terms else []
    assert done == expected + (["head"] if "label" in terms else [])


def test_what_is_needed_and_reported(llama: Pair, tmp_path: Path) -> None:
    assert steer().needs == ("alignment",)
    assert steer(label_loss="kl").needs == ("alignment", "logits")
    assert steer(label_loss="kl", label_loss_weight=0).needs == ("alignment",)
    folder = llama.transfer(steer(label_loss="kl"), tmp_path / "kl")
    assert check(folder)["cost"]["teacher_passes"] == 6 + 6 + 6  # attribution, states and logits
    assert set(read_jsonl(folder / "history.jsonl")[0]) == {"step", "learning_rate", "layer", "label"}


def test_all_layers_have_factors_and_the_paired_ones_alone_a_layer_loss(llama: Pair, tmp_path: Path) -> None:
    settings = steer(layers="all", label_loss="none")
    tensors = torch_tensors(llama.transfer(settings, tmp_path / "all"))
    (paired,) = Targets(
        llama.signals(settings)["alignment"] / "targets.safetensors",
        train_split(llama.student, llama.benchmark),
    ).layers
    moved = {layer for layer in (1, 2, 3) if any(t.any() for t in second_factors(tensors, layer))}
    assert {layer for layer in (1, 2, 3) if second_factors(tensors, layer)} == {1, 2, 3}
    # a target trains its own layer and those below it, none above
    assert moved == set(range(1, paired + 1))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"label_loss": "none", "layer_loss_weight": 0}, "nothing would be trained"),
        ({"label_loss_weight": 0, "layer_loss_weight": 0}, "nothing would be trained"),
        ({"order": "shallow-to-deep", "layers": "all"}, "expected layers paired"),
        (
            {"order": "shallow-to-deep", "lora": Lora(projections=["up", "head"])},
            r"lora\.projections head, expected projections within a layer",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(ValidationError, match=line):
        SemAlign(**changes)


def torch_tensors(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / ADAPTER)


def second_factors(tensors: dict[str, torch.Tensor], layer: int) -> list[torch.Tensor]:
    """A layer's factors that start at zero."""
    return [t for name, t in tensors.items() if f"layers.{layer - 1}." in name and ".lora_B." in name]
