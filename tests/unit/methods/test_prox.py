"""Prox and its control: training, reproducible bytes, and refused settings."""

from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_pairs import Pair
from fabricated_signals import train_split
from prox_cases import METHODS, SMALL, name_of, solved, task_of
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import load_file

from semalign.config.optimisation import Optimisation
from semalign.methods.common.lora import Work
from semalign.methods.experimental.anchored.training import own_states, read_pairs
from semalign.methods.experimental.prox import Prox
from semalign.methods.experimental.self_anchor import SelfAnchor
from semalign.models.loading import load_model
from semalign.models.transfers import load_student
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_jsonl
from semalign.runtime.provenance import check
from semalign.study.definition import parse_study
from semalign.study.kinds import Method
from semalign.study.variants import resolve, signal_name


@pytest.mark.parametrize(
    ("settings", "terms", "passes"),
    [
        (METHODS[0], {"layer"}, 6 + 6),  # the extract split for attribution, and the train split
        (METHODS[1], {"kl", "label", "layer"}, 6 + 6 + 6),
        (METHODS[2], {"kl", "layer"}, 6 + 6),
        (METHODS[3], {"label", "layer"}, 6),
    ],
    ids=lambda value: name_of(value) if hasattr(value, "method") else None,
)
def test_methods_train_lora_and_report_terms_and_costs(
    settings: Any, terms: set[str], passes: int, llama: Pair, tmp_path: Path
) -> None:
    folder = llama.transfer(settings, tmp_path / "transfer")
    history = read_jsonl(folder / "history.jsonl")
    assert set(history[0]) - {"step", "learning_rate"} == terms
    total = [sum(row[name] for name in terms) for row in history]
    assert total[-1] < total[0]
    tensors = load_file(folder / "adapter_model.safetensors")
    assert all(".lora_A." in name or ".lora_B." in name for name in tensors)
    (pair,) = read_pairs(task_of(llama, settings))[0]
    layers = {int(name.split("layers.")[1].split(".")[0]) + 1 for name in tensors}
    assert layers == ({1, 2, 3} if settings.layers == "all" else {pair.student})
    assert check(folder)["cost"]["teacher_passes"] == passes


def block_outputs(pair: Pair, model: Any, layer: int) -> torch.Tensor:
    work = Work(model, train_split(pair.student, pair.benchmark), 0)
    (found,) = [p for p in read_pairs(task_of(pair, Prox()))[0] if p.student == layer]
    return own_states(work, [found])[layer].targets


def test_prox_moves_the_layer_towards_its_targets(llama: Pair, tmp_path: Path) -> None:
    settings = METHODS[0].model_copy(
        update={"optimisation": Optimisation(learning_rate=3e-3, steps=60, batch_size=6)}
    )
    _, own, anchors = solved(llama, settings)
    ((layer, anchor),) = anchors.items()
    folder = llama.transfer(settings, tmp_path / "transfer")
    after = block_outputs(llama, load_student(llama.student, llama.teacher, folder), layer)
    before = (own[layer].targets - anchor.targets).square().sum()
    assert (after - anchor.targets).square().sum() < 0.7 * before


def test_an_anchor_holds_the_states_while_the_answers_teach(llama: Pair, tmp_path: Path) -> None:
    moved = []
    for weight in (0.0, 10.0):
        settings = SelfAnchor(
            **{**SMALL, "optimisation": Optimisation(learning_rate=1e-2, steps=30, batch_size=6)},
            layer_loss_weight=weight,
        )
        folder = llama.transfer(settings, tmp_path / str(weight))
        history = read_jsonl(folder / "history.jsonl")
        assert history[-1]["kl"] < history[0]["kl"]
        assert ("layer" in history[0]) == bool(weight)
        (pair,) = read_pairs(task_of(llama, settings))[0]
        after = block_outputs(llama, load_student(llama.student, llama.teacher, folder), pair.student)
        before = block_outputs(llama, load_model(llama.student), pair.student)
        moved.append((after - before).square().sum().item())
    assert history[0]["layer"] < 1e-6  # self-anchor starts at its targets
    assert moved[1] < 0.5 * moved[0]


@pytest.mark.parametrize("settings", METHODS[:3], ids=name_of)
def test_same_seed_same_bytes_and_the_teacher_is_never_loaded(
    settings: Any, llama: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForCausalLM

    for stage in settings.needs:
        llama.signal(stage, settings.demands)
    loaded, load = [], AutoModelForCausalLM.from_pretrained
    monkeypatch.setattr(
        AutoModelForCausalLM, "from_pretrained", lambda path, **how: loaded.append(path) or load(path, **how)
    )
    first, again, other = (
        (llama.transfer(settings, tmp_path / name, seed) / "adapter_model.safetensors").read_bytes()
        for seed, name in ((0, "a"), (0, "b"), (1, "c"))
    )
    assert first == again != other
    assert set(loaded) == {llama.student}


def test_prox_demands_block_outputs_of_the_workflow() -> None:
    study = parse_study(
        {
            "study": "x",
            "methods": {"student": {}, "teacher": {}, "prox": {"distillation": "logits"}, "self-anchor": {}},
        }
    )
    settings, signals = resolve(study, "prox", "default")
    assert settings.needs == ("activations", "pairing", "logits")
    assert signal_name(study, signals, "activations") == "interface~block"
    assert resolve(study, "self-anchor", "default")[0].needs == ("pairing", "logits")
    assert SelfAnchor(distillation="none", label_loss_weight=1).needs == ("pairing",)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"method": "self-anchor", "distillation": "none"}, "found no loss besides the anchor"),
        ({"method": "prox", "layer_loss_weight": 0}, "found no loss, expected a layer_loss_weight"),
        ({"method": "prox", "distillation": "states"}, "Input should be 'none' or 'logits'"),
        ({"method": "prox", "solver_steps": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_teach_nothing_are_refused(data: dict[str, Any], line: str) -> None:
    with pytest.raises(ValidationError, match=line):
        TypeAdapter(Method).validate_python(data)
    study = {"study": "x", "methods": {"student": {}, "teacher": {}, data["method"]: data}}
    with pytest.raises(UserError) as caught:
        parse_study(study)
    assert f"methods.{data['method']}" in str(caught.value) and "\n" not in str(caught.value)
