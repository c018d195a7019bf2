"""Predicted costs of the pullback agree with the measured file size and memory, and grow as its work does."""

from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_models import build_model
from fabricated_pairs import Pair
from fabricated_signals import train_split
from tensor_memory import peak_bytes

from semalign.benchmarks.encoding import Encoded, collate
from semalign.config.displacements import Pullback
from semalign.runtime.files import read_json
from semalign.signals.pullback.layers import read_blocks
from semalign.signals.pullback.solver import Problem, solve
from semalign.study.definition import parse_study
from semalign.study.planning import artifacts, memory
from semalign.study.planning.shapes import read_model_shape
from semalign.study.planning.study import Plan
from semalign.study.planning.texts import Split
from semalign.study.planning.work import DEVICES
from semalign.training.taught import spread

FACTOR = 1.6  # maximum ratio of predicted to measured peaks, and of measured to predicted ones
EXAMPLES, LENGTH, ANSWER, VOCABULARY = 4, 160, 40, 512


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("llama", "float32"), ("llama", "bfloat16"), ("qwen3", "float32"), ("neox", "float32")],
)
def test_the_peak_is_predicted_within_a_factor(kind: str, dtype: str, tmp_path: Path) -> None:
    model = build_model(kind, layers=6, width=128, seed=0, feed_forward=352, vocabulary=VOCABULARY)
    model.save_pretrained(tmp_path)
    model = model.to(getattr(torch, dtype)).eval().requires_grad_(False)
    shape = read_model_shape(tmp_path, dtype)
    tokens = torch.randint(3, 259, (EXAMPLES, LENGTH), generator=torch.Generator().manual_seed(0)).tolist()
    batch = collate([Encoded(row, LENGTH - ANSWER) for row in tokens], 0)

    def work(layer: int) -> None:
        log_probs = torch.zeros(EXAMPLES * ANSWER, VOCABULARY).log_softmax(-1)
        taught = spread(log_probs, torch.arange(VOCABULARY), VOCABULARY)
        del log_probs
        solve(
            Problem(model, layer, batch, read_blocks(model, batch, [layer])[layer], taught), Pullback(steps=3)
        )

    for layer in (1, 4):
        measured = peak_bytes(lambda layer=layer: work(layer))
        peak = memory.solving(shape, EXAMPLES * LENGTH, EXAMPLES * ANSWER, above=6 - layer)
        ratio = (peak.total - peak.weights) / measured
        assert 1 / FACTOR < ratio < FACTOR, f"layer {layer}: predicted {ratio:.2f} of the measured {measured}"


def test_the_stored_bytes_are_predicted_exactly(llama: Pair) -> None:
    folder = llama.signal("pullback", {"pairing.pairs": 2})
    encoded = train_split(llama.student, llama.benchmark)
    positions = sum(len(item.input_ids) - item.answer_start for item in encoded)
    split = Split(len(encoded), 0, positions / len(encoded), max(len(item.input_ids) for item in encoded))
    layers = [row["layer"] for row in read_json(folder / "pullback.json")["layers"]]
    predicted = artifacts.displacements_bytes(read_model_shape(llama.student), split, layers)
    assert (folder / "displacement.safetensors").stat().st_size == predicted


def planned(**pullback: Any) -> tuple[float, int, int]:
    """Seconds without the start, peak bytes, and jobs of the rule in a study with the method."""
    methods = {"pulled": {"method": "pullback"}, "pulled-half": {"method": "pullback", "scale": 0.5}}
    sections = {"pairing": {"pairs": pullback.pop("pairs", 1)}, "pullback": pullback, "methods": methods}
    study = parse_study({"extends": "config/config.yaml", "study": "planned", **sections})
    device = DEVICES["cpu"]
    (row,) = [row for row in Plan(study, device).rows() if row.rule == "solve_pullback"]
    return 3600 * row.hours - row.jobs * device.start, row.peak.total, row.jobs


def test_seconds_grow_with_the_steps_and_layers_and_memory_with_the_batch() -> None:
    seconds, peak, jobs = planned()
    assert jobs == 4  # one per benchmark, shared by both methods
    assert 1.7 < planned(steps=60)[0] / seconds < 2
    assert planned(steps=60)[1] == peak
    assert planned(batch_size=64)[0] == pytest.approx(seconds)
    assert planned(batch_size=64)[1] > 2 * peak
    two = planned(pairs=2)
    assert 1.3 < two[0] / seconds < 1.6  # two layers and one layer above them, instead of two


def test_training_towards_targets_alone_costs_one_layer() -> None:
    """With a loss on the answers, all layers above the lowest one run at every update."""
    budget = {"epochs": 100, "batch_size": 16}
    methods = {
        "pulled": {"method": "pullback", "optimisation": budget},
        "pulled-labels": {"method": "pullback", "optimisation": budget, "label_loss_weight": 1.0},
        "rounds": {"method": "semantic-residual", "optimisation": budget, "rounds": 4},
    }
    study = parse_study({"extends": "config/config.yaml", "study": "planned", "methods": methods})
    device = DEVICES["cpu"]
    rows = {row.rule: row for row in Plan(study, device).rows()}
    alone, labels, rounds = (rows[f"transfer_knowledge: {name}"] for name in methods)
    seconds = [3600 * row.hours - row.jobs * device.start for row in (alone, labels, rounds)]
    assert 3 < seconds[1] / seconds[0] < 6  # three layers and the head
    assert 4 < seconds[2] / seconds[0] < 4.3  # and three residuals
    assert rounds.peak.total > alone.peak.total
    assert alone.peak.activations < 0.6 * labels.peak.activations
    assert alone.peak.other == 0 < labels.peak.other
