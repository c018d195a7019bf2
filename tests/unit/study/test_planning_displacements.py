"""Predicted costs of displacements and of layer-local training, compared with small runs."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_models import build_model
from pydantic import TypeAdapter
from tensor_memory import peak_bytes

from semalign.benchmarks.encoding import Encoded
from semalign.config.displacements import Oracle, Residual
from semalign.config.methods import Adapted, Lora
from semalign.config.optimisation import Optimisation
from semalign.config.signals import STAGES
from semalign.methods.common.adapters import Training, Work, adapt, train_adapter
from semalign.methods.displaced import training as displaced
from semalign.models.loading import load_model
from semalign.runtime.counting import counting
from semalign.signals.residual import recomposition
from semalign.study.definition import load_study
from semalign.study.kinds import Method
from semalign.study.planning import memory, work
from semalign.study.planning.displacements import oracle_job, residual_job
from semalign.study.planning.jobs import Work as PairWork
from semalign.study.planning.shapes import KNOWN, ModelShape, read_model_shape
from semalign.study.planning.study import Plan
from semalign.study.planning.texts import texts_of
from semalign.study.planning.trainings import training_job

FACTOR = 1.6  # maximum ratio of predicted to measured peaks, and of measured to predicted ones
GIGA = 1e9
LLAMA = PairWork(
    KNOWN["meta-llama/Llama-2-13b-chat-hf"], KNOWN["meta-llama/Llama-2-7b-chat-hf"], texts_of("mmlu", None)
)
A100 = work.DEVICES["a100"]


def settings(method: str, **changes: Any) -> Any:
    budget = {"epochs": 5, "batch_size": 64, "micro_batch": 2}
    return TypeAdapter(Method).validate_python({"method": method, "optimisation": budget, **changes})


def pico(folder: Path) -> ModelShape:
    model = build_model("llama", layers=6, width=128, seed=0, feed_forward=352, vocabulary=512)
    model.save_pretrained(folder)
    return read_model_shape(folder)


def examples(count: int = 4, length: int = 160) -> list[Encoded]:
    generator = torch.Generator().manual_seed(0)
    return [
        Encoded(torch.randint(3, 259, (length,), generator=generator).tolist(), 120) for _ in range(count)
    ]


def steering(folder: Path, steps: int) -> Any:
    """A layer-local training of layer 3, as a function without arguments."""
    adapted = adapt(load_model(folder), [3], Lora(rank=4), 0).base_model.model
    texts = examples()
    goals = {3: displaced.Goal(torch.randn(160, 128), 1.0)}
    loss = displaced.displaced_loss(settings("semantic-residual"), goals, texts, None)
    run = Training(Optimisation(steps=steps, batch_size=4), 0)
    return partial(train_adapter, Work(adapted, texts, 0), loss, run)


def test_the_peak_of_layer_local_training_is_predicted(tmp_path: Path) -> None:
    shape = pico(tmp_path)
    predicted = memory.training(shape, 640, 0, 1, 1, 4, Lora().projections)
    ratio = (predicted.total - predicted.weights) / peak_bytes(steering(tmp_path, 1))
    assert 1 / FACTOR < ratio < FACTOR
    through_head = memory.training(shape, 640, 160, 1, 6, 4, Lora().projections)
    assert predicted.total < 0.5 * through_head.total


def test_the_operations_of_layer_local_training_are_predicted(tmp_path: Path) -> None:
    shape = pico(tmp_path)
    with counting() as counter:
        steering(tmp_path, 50)()
    device = work.Device("unit", operations=1.0, double=1.0, bandwidth=1.0)
    predicted = work.steered(shape, 640, 50 * 640, 1, device)
    assert 1 / FACTOR < predicted / counter.total < FACTOR
    assert predicted < 0.2 * work.trained(shape, 50 * 640, 6, device)


def test_the_peak_and_operations_of_recomposing_are_predicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    width, tokens, positions = 64, 1024, 600
    shape = ModelShape(2, width, 128, 4, 4, 16, tokens)
    monkeypatch.setattr(memory, "NUMBERS", 200 * tokens)
    head = torch.randn(tokens, width, dtype=torch.float64)
    states = torch.randn(positions, width)

    def recompose() -> None:
        bases = list(recomposition.output_bases(_Head(head.float())).chunks())
        heads = [head.float().clone() for _ in range(2)]
        parts = []
        for block in states.split(200):
            taught, own = ((block @ weight.T).double().softmax(-1) for weight in heads)
            parts.append(recomposition.recompose(bases, taught - own).float())
        assert torch.cat(parts).shape == (positions, width)

    predicted = memory.residual(shape, shape, 0, positions)
    assert 1 / FACTOR < predicted.other / peak_bytes(recompose) < 2 * FACTOR
    with counting() as counter:
        recompose()
    unit = work.Device("unit", operations=1.0, double=1.0, bandwidth=1.0)
    monkeypatch.setitem(work.DEVICES, "cpu", unit)
    assert 1 / FACTOR < work.recomposed(shape, shape, positions, unit) / counter.total < FACTOR


class _Head:
    """A head without a norm's gain, all of whose rows are trained."""

    def __init__(self, weight: torch.Tensor) -> None:
        self.weight, self.norm_gain, self.rows = weight, None, None


def test_sizes_are_those_of_the_code() -> None:
    assert memory.NUMBERS == recomposition.NUMBERS
    assert memory.READ_AT_ONCE == displaced.BATCH


@pytest.mark.parametrize("name", ["mmlu", "gsm8k", "humaneval", "mbpp"])
def test_the_semantic_residual_of_the_papers_pair_fits_into_24_gb(name: str) -> None:
    pair = PairWork(LLAMA.teacher, LLAMA.student, texts_of(name, None))
    residual = residual_job(pair, Residual(batch_size=8), A100)
    oracle = oracle_job(pair, Oracle(batch_size=8), A100, 1)
    training = training_job(settings("semantic-residual"), pair, A100, 1)
    assert max(job.peak.total for job in (residual, oracle, training)) < 24 * GIGA
    assert max(job.seconds for job in (residual, oracle, training)) < 3600


def test_what_a_method_runs_decides_what_it_costs() -> None:
    def cost(method: str, paired: int = 1, **changes: Any) -> Any:
        return training_job(settings(method, **changes), LLAMA, A100, paired)

    local, tuned = cost("semantic-residual"), cost("sft")
    assert local.seconds < 0.5 * tuned.seconds
    assert local.peak.total < tuned.peak.total
    through_head = cost("semantic-residual", label_loss_weight=1.0)
    assert through_head.seconds > tuned.seconds
    thrice = cost("semantic-residual", rounds=3)
    train = LLAMA.texts.splits["train"]
    remade = work.forward(LLAMA.student, train.tokens, A100)
    remade += work.recomposed(LLAMA.teacher, LLAMA.student, train.positions, A100)
    assert thrice.seconds == pytest.approx(3 * local.seconds + 2 * remade)
    # the targets of a further round take the memory of the stage that makes the first ones
    assert thrice.peak == residual_job(LLAMA, Residual(), A100).peak
    assert cost("semalign", label_loss="none").seconds < cost("semalign").seconds
    # several paired layers may be far apart, and the backward pass goes through all between them
    assert cost("semalign", paired=2, label_loss="none").peak.activations > 2 * local.peak.activations
    assert cost("sft", layers="last").peak.activations < tuned.peak.activations


def test_only_methods_with_a_layer_loss_alone_are_layer_local() -> None:
    local = {"semantic-residual": {}, "oracle": {}, "semalign": {"label_loss": "none"}, "prox": {}}
    local |= {"oprd-bridge": {}, "fisher-surrogate": {"divergence_weight": 0.0}}
    for method, changes in local.items():
        assert settings(method, **changes).layer_local, method
    for method in ("semalign", "sft", "distill-logits", "self-anchor", "fisher-surrogate", "flex-kd"):
        own = (
            settings(method)
            if method != "flex-kd"
            else TypeAdapter(Method).validate_python({"method": method})
        )
        assert isinstance(own, Adapted)
        assert not own.layer_local, method


def test_every_signal_stage_is_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(f"extends: {Path('config/config.yaml').resolve()}\nmethods: {{oracle: {{}}}}\n")
    plan = Plan(load_study(str(path)), work.DEVICES["cpu"])
    jobs = {row.rule: row.jobs for row in plan.rows()}
    assert jobs["store_states"] == jobs["read_oracle"] == 4
    # the teacher's residual, one of random bases, and one per variant, on each of four benchmarks
    assert jobs["recompose_residual"] == 4 * (1 + 1 + 4)
    # three seeds and three rates on four benchmarks, and a student for each of the four oracles
    assert jobs["transfer_knowledge: distill-logits"] == 24 + 4
    assert jobs["solve_pullback"] == 1  # a rung on one benchmark
    assert set(STAGES) == set(plan.stage_jobs())
