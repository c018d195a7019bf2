"""Steering towards displaced states: the loss, what runs for it, rounds, and the oracle."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_pairs import PAIRS, Pair
from fabricated_signals import train_split
from pydantic import ValidationError
from safetensors.torch import load_file

from semalign.benchmarks.encoding import collate
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.base import TransferTask
from semalign.methods.common.adapters import adapt
from semalign.methods.common.costs import signal_costs
from semalign.methods.common.lora import Work, load_student_at_work
from semalign.methods.displaced.oracle import OracleTargets
from semalign.methods.displaced.semantic_residual import SemanticResidual
from semalign.methods.displaced.semantic_residual.rounds import Factors, Renewal
from semalign.methods.displaced.training import displaced_loss, goals_of, own_states
from semalign.models.anatomy import capture, facts_of, layers_of
from semalign.models.loading import load_model
from semalign.models.transfers import load_student
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, read_jsonl
from semalign.signals.displacement import NAME, read_displacements, scaled

SMALL: dict[str, Any] = {
    "optimisation": Optimisation(learning_rate=1e-2, steps=12, batch_size=3),
    "lora": Lora(rank=4, projections=["up", "down", "o"]),
}
TWO = {"pairing.pairs": 2}


def task_of(pair: Pair, settings: Any, tmp_path: Path, **demands: Any) -> TransferTask[Any]:
    signals = pair.signals(settings, demands)
    return TransferTask(pair.student, pair.teacher, pair.benchmark, signals, settings, 0, tmp_path / "none")


def history(folder: Path, term: str = "layer") -> list[float]:
    return [row[term] for row in read_jsonl(folder / "history.jsonl")]


def test_displacements_have_the_wanted_mean_length_and_their_relative_sizes() -> None:
    torch.manual_seed(0)
    own, d = 5 * torch.randn(40, 6), torch.randn(40, 6) * torch.rand(40, 1)
    moved = scaled(d, own, 0.3)
    assert moved.norm(dim=-1).mean() == pytest.approx(0.3 * float(own.norm(dim=-1).mean()), rel=1e-5)
    ratio = moved.norm(dim=-1) / d.norm(dim=-1)
    torch.testing.assert_close(ratio, ratio[:1].expand(40))
    assert torch.cosine_similarity(moved, d, dim=-1).min() > 0.9999
    assert scaled(torch.zeros(3, 6), own[:3], 0.3).abs().max() == 0


@pytest.mark.parametrize("interface", ["block", "contribution", "mlp"])
@pytest.mark.parametrize("kind", ["cosine", "squared"])
def test_the_loss_is_the_slow_formula(kind: str, interface: str, llama: Pair, tmp_path: Path) -> None:
    settings = SemanticResidual(loss=kind, interface=interface, layer_loss_weight=2.0, **SMALL)
    task = task_of(llama, settings, tmp_path, **TWO)
    work = load_student_at_work(task)
    layers = [1, 2]
    own = own_states(work, layers, interface)
    d = read_displacements(task.signals["residual"], work.examples, layers)
    goals = goals_of({k: own[k] + scaled(d[k], own[k], 0.3) for k in layers}, own)
    indices = [3, 1]
    batch = collate([work.examples[i] for i in indices], 0)
    torch.manual_seed(1)
    for parameter in layers_of(work.model)[0].parameters():
        parameter.data += 0.1 * torch.randn_like(
            parameter
        )  # so that states are not those of the untouched student
    found = displaced_loss(settings, goals, work.examples, None)(work.model, batch, indices)
    counts = [len(item.input_ids) - item.answer_start for item in work.examples]
    total = 0.0
    for layer in layers:
        with capture(work.model, [layer], [interface]) as states:
            work.model(batch.input_ids, attention_mask=batch.attention_mask)
        rho = 0.3 * own[layer].double().norm(dim=-1).mean() / d[layer].double().norm(dim=-1).mean()
        targets = own[layer].double() + rho * d[layer].double()
        values = []
        for row, i in enumerate(indices):
            for k in range(counts[i]):
                state = states[interface, layer][row, work.examples[i].answer_start - 1 + k].double()
                target = targets[sum(counts[:i]) + k]
                cosine = 1 - state @ target / state.norm() / target.norm()
                values.append(cosine if kind == "cosine" else (state - target).square().sum())
        mean = float(sum(values)) / len(values)
        total += mean if kind == "cosine" else mean / float((rho * d[layer].double()).square().sum(-1).mean())
    assert set(found) == {"layer"}
    assert found["layer"].item() == pytest.approx(2.0 * total / 2, rel=1e-4)


def test_nothing_above_the_steered_layer_runs(llama: Pair, tmp_path: Path) -> None:
    settings = SemanticResidual(layers="first", **SMALL)
    task = task_of(llama, settings, tmp_path)
    work = load_student_at_work(task)
    own = own_states(work, [1], "block")
    ran: list[str] = []
    for name, module in (("second layer", layers_of(work.model)[1]), ("head", work.model.lm_head)):
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
    batch = collate(work.examples[:2], 0)
    displaced_loss(settings, goals_of(own, own), work.examples, None)(work.model, batch, [0, 1])
    assert not ran
    answers = settings.model_copy(update={"label_loss_weight": 1.0})
    terms = displaced_loss(answers, goals_of(own, own), work.examples, None)(work.model, batch, [0, 1])
    assert ran == ["second layer", "head"] and set(terms) == {"layer", "label"}


@pytest.mark.parametrize("layers", ["paired", "first", "last", "all"])
def test_training_moves_the_student_towards_its_targets(layers: str, llama: Pair, tmp_path: Path) -> None:
    settings = SemanticResidual(layers=layers, **SMALL)
    folder = llama.transfer(settings, tmp_path / "transfer")
    losses = history(folder)
    assert losses[-1] < 0.8 * losses[0]
    adapted = {name.split("layers.")[1][0] for name in load_file(folder / "adapter_model.safetensors")}
    assert adapted == {"first": {"0"}, "last": {"2"}, "all": {"0", "1", "2"}}.get(layers, adapted)
    assert ("pairing" in settings.needs) == (layers == "paired")


def test_own_states_as_targets_hold_the_student(llama: Pair, tmp_path: Path) -> None:
    """Adam turns the rounding of a zero gradient into small steps, which the loss then corrects."""
    held, moved = (
        history(llama.transfer(SemanticResidual(rho=rho, **SMALL), tmp_path / str(rho))) for rho in (0.0, 0.3)
    )
    assert held[0] < 1e-6
    assert max(held) < 0.2 * moved[0]


def test_the_squared_loss_of_the_untouched_student_is_one(llama: Pair, tmp_path: Path) -> None:
    settings = SemanticResidual(
        loss="squared", optimisation=Optimisation(steps=1, batch_size=6), lora=SMALL["lora"]
    )
    folder = llama.transfer(settings, tmp_path / "transfer")
    assert history(folder)[0] == pytest.approx(1, rel=1e-4)


def test_losses_on_answers_are_added(llama: Pair, tmp_path: Path) -> None:
    settings = SemanticResidual(divergence_weight=1.0, label_loss_weight=0.5, **SMALL)
    folder = llama.transfer(settings, tmp_path / "transfer")
    assert set(read_jsonl(folder / "history.jsonl")[0]) == {"step", "learning_rate", "layer", "kl", "label"}
    assert "logits" in settings.needs


def test_each_round_starts_anew_towards_targets_of_the_steered_student(llama: Pair, tmp_path: Path) -> None:
    """Compared with two trainings by hand, whose second one has targets made from the first one's result."""
    one = llama.transfer(SemanticResidual(**SMALL), tmp_path / "one")
    two = llama.transfer(SemanticResidual(rounds=2, **SMALL), tmp_path / "two")
    first, both = history(one), history(two)
    assert both[: len(first)] == first
    assert [row["step"] for row in read_jsonl(two / "history.jsonl")] == list(range(1, 25))
    task = task_of(llama, SemanticResidual(rounds=2, **SMALL), tmp_path)
    work = load_student_at_work(task)
    steered = Work(load_student(llama.student, llama.teacher, one), work.examples, 0)
    layer = read_json(task.signals["pairing"] / "pairing.json")["pairs"][0]["student"]
    states, untouched = own_states(steered, [layer], "block"), own_states(work, [layer], "block")
    d = Renewal(task, work).displacement(steered)
    goals = goals_of({layer: states[layer] + scaled(d, states[layer], 0.3)}, untouched)
    indices = list(range(6))
    # the second round's first batch has three of the six examples: a mean over two batches covers all of them
    whole = displaced_loss(task.settings, goals, work.examples, None)(
        work.model, collate(work.examples, 0), indices
    )
    assert 0 < whole["layer"].item() < 2 * both[len(first)]
    assert both[len(first)] > first[-1]


def test_a_steered_student_is_read_without_dropout(llama: Pair, tmp_path: Path) -> None:
    """Targets of a further round do not depend on a draw, and the adapter's dropout is on again afterwards."""
    lora = Lora(rank=4, projections=["up", "down"], dropout=0.5)
    settings = SemanticResidual(rounds=2, **{**SMALL, "lora": lora})
    task = task_of(llama, settings, tmp_path)
    work = load_student_at_work(task)
    adapted = adapt(work.model, [1, 2], lora, 0)
    for name, parameter in adapted.named_parameters():
        parameter.data += 0.1 * ("lora_B" in name)
    dropped = [m for m in work.model.modules() if isinstance(m, torch.nn.Dropout) and m.training]
    renewal = Renewal(task, work)
    read = [(own_states(work, [2], "block")[2], renewal.displacement(work)) for _ in range(2)]
    assert torch.equal(read[0][0], read[1][0]) and torch.equal(read[0][1], read[1][1])
    assert dropped and all(module.training for module in dropped)
    one, two = (llama.transfer(settings, tmp_path / name) for name in ("one", "two"))
    adapters = [(folder / "adapter_model.safetensors").read_bytes() for folder in (one, two)]
    assert adapters[0] == adapters[1]


def test_shuffled_positions_stay_the_same_in_further_rounds(llama: Pair, tmp_path: Path) -> None:
    """With fewer examples than the split has, they are still drawn among all of its positions."""
    optimisation = Optimisation(learning_rate=1e-2, steps=2, batch_size=3, examples=2)
    settings = SemanticResidual(rounds=2, optimisation=optimisation, lora=SMALL["lora"])
    shuffled = {"residual.source": "shuffled", "residual.seed": 3}
    task = task_of(llama, settings, tmp_path, **shuffled)
    work = load_student_at_work(task)
    stored = read_displacements(task.signals["residual"], work.examples, [1])[1]
    found = Renewal(task, work).displacement(work)  # of the untouched student, as the stored ones
    torch.testing.assert_close(found, stored, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("factor", [0.0, 1e-8])
def test_a_squared_loss_needs_a_distance(factor: float, llama: Pair, tmp_path: Path) -> None:
    settings = SemanticResidual(loss="squared", **SMALL)
    work = load_student_at_work(task_of(llama, settings, tmp_path))
    own = own_states(work, [2], "block")
    goals = goals_of({2: own[2] * (1 + factor)}, own)
    with pytest.raises(
        UserError, match=r"loss: found `squared` with targets that are .* own states at layer 2"
    ):
        displaced_loss(settings, goals, work.examples, None)
    assert displaced_loss(settings.model_copy(update={"loss": "cosine"}), goals, work.examples, None)


def test_an_adapter_that_the_steered_output_does_not_see_is_refused(llama: Pair, tmp_path: Path) -> None:
    above = Lora(rank=4, projections=["up", "down"])
    settings = SemanticResidual(interface="attention", **{**SMALL, "lora": above})
    message = r"test: found a loss \(layer\) on which no trained matrix has an effect"
    with pytest.raises(UserError, match=message):
        llama.transfer(settings, tmp_path / "transfer")
    for layers, lora in (("first", above), ("paired", Lora(projections=["head"]))):
        with pytest.raises(ValidationError, match=r"found lora\.projections .*, which come after the output"):
            SemanticResidual(layers=layers, interface="attention", lora=lora)
        assert SemanticResidual(layers=layers, interface="attention", lora=lora, label_loss_weight=1.0)
    assert SemanticResidual(layers="all", interface="attention", lora=above)


@pytest.mark.parametrize("name", PAIRS)
def test_a_displaced_output_displaces_the_layer(name: str, pairs: Callable[[str], Pair]) -> None:
    """Also where a norm follows the MLP or the attention. Only a parallel MLP does not read the displaced attention."""
    pair = pairs(name)
    model, texts = load_model(pair.student), train_split(pair.student, pair.benchmark)
    batch = collate(texts[:2], 0)
    d = torch.randn(model.config.hidden_size, generator=torch.Generator().manual_seed(0))

    def block() -> torch.Tensor:
        with capture(model, [2], ["block"]) as states:
            model(batch.input_ids, attention_mask=batch.attention_mask)
        return states["block", 2][batch.supervised]

    before, layer, facts = block(), layers_of(model)[1], facts_of(model)
    for part in ("mlp", "attention"):

        def displace(_module: Any, _args: Any, output: Any) -> Any:
            return (output[0] + d, *output[1:]) if isinstance(output, tuple) else output + d

        handle = layer.get_submodule(getattr(facts, part)).register_forward_hook(displace)
        moved = block() - before
        handle.remove()
        adds_up = torch.allclose(moved, d.expand_as(moved), atol=1e-4)
        assert adds_up == (part == "mlp" or name == "neox"), part


def test_factors_come_back(llama: Pair) -> None:
    model = torch.nn.Linear(3, 2)
    model.bias.requires_grad_(False)
    before, start = model.weight.detach().clone(), Factors(model)
    model.weight.data += 1
    start.restore()
    assert torch.equal(model.weight, before) and len(start.parameters) == 1


def test_an_interrupted_run_repeats_no_finished_round(
    llama: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = SemanticResidual(rounds=2, **SMALL)
    whole = llama.transfer(settings, tmp_path / "whole")
    with monkeypatch.context() as patch:

        def interrupted(*_: Any) -> None:
            raise RuntimeError("between two rounds")

        patch.setattr(Renewal, "displacement", interrupted)
        with pytest.raises(RuntimeError, match="between two rounds"):
            llama.transfer(settings, tmp_path / "resumed")
    with caplog.at_level("INFO", logger="semalign"):
        resumed = llama.transfer(settings, tmp_path / "resumed")
    assert any("round 1 of 2: resumed at step 12/12" in line.getMessage() for line in caplog.records)
    for name in ("adapter_model.safetensors", "history.jsonl"):
        assert (resumed / name).read_bytes() == (whole / name).read_bytes()


def test_an_oracle_can_be_reached(llama: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The student moves towards the one that fine-tuning trained, which the oracle stage read."""
    monkeypatch.chdir(llama.root)  # the costs of that student are found by the relative path in a record
    settings = OracleTargets(loss="squared", **SMALL)
    folder = llama.transfer(settings, tmp_path / "transfer")
    losses = history(folder)
    assert losses[0] == pytest.approx(1, rel=0.5) and losses[-1] < 0.3
    oracle = llama.signals(settings)["oracle"]
    stored, trained = load_file(oracle / NAME), oracle.parent / "sft"
    task = task_of(llama, settings, tmp_path)
    work = load_student_at_work(task)
    after = Work(load_student(llama.student, llama.teacher, trained), work.examples, 0)
    for name in set(stored) - {"offsets"}:
        layer = int(name.removeprefix("layer."))
        before_after = [own_states(each, [layer], "block")[layer] for each in (work, after)]
        torch.testing.assert_close(stored[name], before_after[1] - before_after[0], atol=1e-5, rtol=1e-4)
    # fine-tuning the paired layers took the pairing's passes through the teacher, and no others
    passes = [read_json(f / "run.json")["cost"]["teacher_passes"] for f in (trained, folder)]
    assert passes[0] == passes[1] > 0
    oracle = llama.signals(settings)["oracle"]
    assert signal_costs([oracle])["signal_flops"]
    monkeypatch.chdir(tmp_path)  # records name no folder outside of the working directory
    assert signal_costs([oracle])["signal_flops"] is None


def test_settings_that_make_no_sense_are_refused() -> None:
    for wrong in (
        {"rho": -0.1},
        {"rounds": 0},
        {"layer_loss_weight": 0.0},
        {"loss": "l1"},
        {"layers": "second"},
        {"loss": "squared", "rho": 0.0},
    ):
        with pytest.raises(ValidationError):
            SemanticResidual(**wrong)
    with pytest.raises(ValidationError):
        OracleTargets(layers="all")
