"""The Python interface gives the numbers that the study's stages write, byte for byte."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_pairs import Pair
from safetensors.torch import load_file

import semalign
from semalign.benchmarks.base import Example, read_split
from semalign.config.evaluation import EvaluationSettings
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.evaluation.agreement import StoredTeacher, compare
from semalign.evaluation.harness import evaluate
from semalign.evaluation.reference import reference_states
from semalign.methods.displaced.semantic_residual import SemanticResidual
from semalign.methods.semalign import SemAlign
from semalign.models.loading import read_head

LORA = {"rank": 4, "projections": ["up", "down"]}
BUDGET = {"steps": 3, "batch_size": 4, "learning_rate": 1e-2}
Transfer = Callable[..., Path]


@pytest.fixture
def train(pico_benchmark: Path) -> list[Example]:
    return read_split(pico_benchmark, "train")


def test_attribution_and_pairing(
    sealed_pair: tuple[Path, Path], pico_benchmark: Path, signals: dict[str, Path]
) -> None:
    scored = semalign.attribute_layers(sealed_pair[0], read_split(pico_benchmark, "extract"))
    stored = json.loads((signals["attribution"] / "attribution.json").read_text())
    assert scored.scores.tolist() == stored["scores"] and scored.ranking == stored["ranking"]
    paired = json.loads((signals["pairing"] / "pairing.json").read_text())["pairs"]
    for given in (sealed_pair, (4, 3), tuple(semalign.load(folder).model for folder in sealed_pair)):
        assert [vars(pair) for pair in semalign.pair_layers(scored, *given)] == paired


def test_pairing_by_similarity(sealed_pair: tuple[Path, Path], pico_benchmark: Path) -> None:
    examples = read_split(pico_benchmark, "extract")
    (pair,) = semalign.pair_layers([3, 1], *sealed_pair, rule="cka", examples=examples)
    states = [semalign.collect_states(folder, examples, batch_size=8).layers for folder in sealed_pair]
    from semalign.signals.cka import cka_matrices

    _, debiased = cka_matrices([states[0][3]], [states[1][k] for k in (1, 2, 3)])
    assert (pair.teacher, pair.student) == (3, int(debiased[0].argmax()) + 1)


def test_states_and_targets(
    sealed_pair: tuple[Path, Path], train: list[Example], signals: dict[str, Path]
) -> None:
    pairs = semalign.pair_layers(
        json.loads((signals["attribution"] / "attribution.json").read_text())["ranking"], *sealed_pair
    )
    states = semalign.collect_states(sealed_pair[0], train, pairs, interface="mlp")
    stored = load_file(signals["activations"] / "activations.safetensors")
    assert torch.equal(states.offsets, stored.pop("offsets"))
    assert {f"layer.{k}" for k in states.layers} == set(stored)
    assert all(torch.equal(rows, stored[f"layer.{k}"]) for k, rows in states.layers.items())
    matrix = semalign.teacher_to_student_map(*sealed_pair)
    assert torch.equal(matrix, load_file(signals["alignment"] / "map.safetensors")["map"])
    targets = semalign.align_states(states, pairs, matrix)
    aligned = load_file(signals["alignment"] / "targets.safetensors")
    assert all(torch.equal(rows, aligned[f"layer.{k}"]) for k, rows in targets.layers.items())


def factors(model: Any) -> dict[str, torch.Tensor]:
    from peft import get_peft_model_state_dict

    state: dict[str, torch.Tensor] = get_peft_model_state_dict(model)
    return state


def same(model: Any, transfer: Path) -> bool:
    """Whether the adapter of a model is the one in a transfer folder, to the last bit."""
    stored = load_file(transfer / "adapter_model.safetensors")
    own = factors(model)
    return set(own) == set(stored) and all(torch.equal(own[name], stored[name]) for name in own)


def test_steering_to_aligned_states(
    sealed_pair: tuple[Path, Path], train: list[Example], signals: dict[str, Path], transfer: Transfer
) -> None:
    settings = SemAlign(lora=Lora(**LORA), optimisation=Optimisation(**BUDGET))
    stored = load_file(signals["alignment"] / "targets.safetensors")
    offsets = stored.pop("offsets")
    layers = {int(name.removeprefix("layer.")): rows for name, rows in stored.items()}
    steered = semalign.steer(
        sealed_pair[1],
        train,
        semalign.LayerStates(layers, offsets, "mlp"),
        label_loss="cosine-logits",
        lora=LORA,
        optimisation=BUDGET,
    )
    folder = transfer(settings)
    assert same(steered.model, folder)
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert steered.history == history
    assert steered.trainable_parameters == sum(rows.numel() for rows in factors(steered.model).values())


def test_the_semantic_residual(llama: Pair, train: list[Example], tmp_path: Path) -> None:
    settings = SemanticResidual(layers="all", lora=Lora(**LORA), optimisation=Optimisation(**BUDGET))
    targets = semalign.residual_targets(llama.teacher, llama.student, train)
    steered = semalign.steer(llama.student, train, targets, lora=LORA, optimisation=BUDGET)
    assert sorted(targets.layers) == [1, 2, 3]
    assert same(steered.model, llama.transfer(settings, tmp_path / "transfer"))


def test_scores_and_agreement(sealed_pair: tuple[Path, Path], pico_benchmark: Path) -> None:
    examples = read_split(pico_benchmark, "test")
    settings = EvaluationSettings(max_new_tokens={"sums": 6})
    teacher, student = (semalign.load(folder) for folder in sealed_pair)
    scores = semalign.evaluate(student, examples, teacher=teacher, max_new_tokens=6)
    records = evaluate(*student, "sums", pico_benchmark / "test.jsonl", settings)
    assert [item.response for item in scores.items] == [record.response for record in records]
    assert scores.metric == "exact_match"
    assert scores.score == 100 * sum(record.correct or 0 for record in records) / len(records)
    head, ids = read_head(sealed_pair[0]), torch.arange(259)
    stored = StoredTeacher(reference_states(*teacher, examples, 64), head, (ids, ids))
    compared = compare(*student, examples, stored, batch_size=64, positions_per_chunk=512)
    assert [item.teacher_kl for item in scores.items] == [one.kl for one in compared if one]
